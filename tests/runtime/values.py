"""What `v8 inspect --json` says of a value, against the description by the program that made it (corpora/values)."""
import json
import re

# Members that the program sees otherwise or not at all, and says nothing about.
UNTOLD_KINDS = {"native-accessor"}


def as_told(value: dict, told: dict) -> dict:
    """The parts of `value` that `told` speaks of, in its words."""
    kind = value.get("kind", "")
    same: dict = {"kind": kind}
    if "value" in value:
        same["value"] = number_text(value["value"]) if kind == "number" else value["value"]
    if kind == "external":
        same["value"] = value.get("value", "").partition(" ")[0]  # behind it the class, where its vtable tells it
    for key in ("type", "length"):
        if key in value:
            same[key] = value[key]
    if value.get("cycle"):
        return same | {"cycle": True}
    if kind == "accessor":
        internal = value.get("internal", {})
        return same | {side: internal[side].get("value", "") for side in ("get", "set") if side in internal}
    properties = {}
    told_properties = told.get("properties") or {}
    hidden = set()  # not enumerable
    for member in value.get("properties", []):
        name = f"Symbol({member['name']})" if member.get("symbol") else member["name"]
        # V8 computes what the program tells as null, and only the author knows of private members.
        passed_over = told_properties.get(name) is None if name in told_properties else member.get("private")
        if member["value"]["kind"] not in UNTOLD_KINDS and not passed_over and not (kind == "error" and name == "stack"):
            properties[name] = as_told(member["value"], told_properties.get(name, {}))
            if member.get("enumerable") is False:
                hidden.add(name)
    if properties:
        same["properties"] = properties
    if "hidden" in told:
        same["hidden"] = [name for name in told["hidden"] if name in hidden] + sorted(hidden - set(told["hidden"]))
    if "elements" in value:
        same["elements"] = elements_as_told(value, told)
    if "entries" in value:
        told_entries = told.get("entries") or []
        same["entries"] = [[as_told(entry[side], told_entries[i][j] if i < len(told_entries) else {})
                            for j, side in enumerate(("key", "value"))] for i, entry in enumerate(value["entries"])]
    internal = {name: as_told(member, (told.get("internal") or {}).get(name, {})) for name, member in value.get("internal", {}).items()
                if name in (told.get("internal") or {})}
    if internal:
        same["internal"] = internal
    return same


def elements_as_told(value: dict, told: dict) -> list:
    elements, place = [], 0
    told_elements = dict(map(tuple, told.get("elements") or []))
    for element in value["elements"]:
        index = element.get("index", place)
        place += 1
        if element["kind"] != "hole":
            elements.append([index, as_told(element, told_elements.get(index, {}))])
    return elements


def number_text(number: object) -> str:
    """As JavaScript writes it, of what json.loads made of it."""
    if isinstance(number, str) or isinstance(number, int):
        return str(number)
    if number == 0:
        return "-0"
    if number == int(number) and abs(number) < 1e21:
        return str(int(number))
    text = repr(number)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    if int(exponent) == -6 or int(exponent) == -5:  # JavaScript goes on without an exponent down to there
        return f"{number:.{len(mantissa.replace('.', '').lstrip('-')) - 1 - int(exponent)}f}"
    sign = "" if exponent.startswith("-") else "+"
    return re.sub(r"\.0$", "", mantissa) + "e" + sign + re.sub(r"^([+-]?)0*", r"\1", exponent).lstrip("+")


def differences(found: object, told: object, place: str) -> list[str]:
    """Where `found` is not what `told` says; what it does not speak of is passed over, except for whole members."""
    if isinstance(told, dict) and isinstance(found, dict):
        lines = []
        for key, expected in told.items():
            if expected is None:
                continue
            if key not in found and isinstance(expected, dict) and expected and not any(expected.values()):
                continue
            if key not in found:
                lines.append(f"{place}: no {key}, the program has {json.dumps(expected)[:150]}")
            else:
                lines += differences(found[key], expected, f"{place}.{key}")
        if place.endswith(".properties") and "{context}" not in place:
            lines += [f"{place}: {key}, which the program does not have" for key in found if key not in told]
        return lines
    if isinstance(told, list) and isinstance(found, list):
        if len(told) != len(found):
            return [f"{place}: {len(found)} of them, the program has {len(told)}: {json.dumps(found)[:200]}"]
        return [line for i, pair in enumerate(zip(found, told)) for line in differences(*pair, f"{place}[{i}]")]
    return [] if found == told else [f"{place}: {json.dumps(found)[:120]}, the program has {json.dumps(told)[:120]}"]


def compare(found: dict, told: dict, name: str) -> list[str]:
    return differences(as_told(found, told), told, name)
