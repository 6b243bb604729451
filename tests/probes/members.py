#!/usr/bin/env python3
"""Members of structures among recorded arguments: what the program prints of them is what the tracer must have seen.

    tests/probes/members.py CASE --inquest PROGRAM

values    numbers, pointers, text behind pointers and inside structures, chains of pointers; a bad pointer
mistakes  one line for each"""
import json
import pathlib

from probing import HERE, compile_c, events_of, expect, main, run

SOURCE = HERE / "programs" / "members.c"


def traced(inquest: pathlib.Path, probe: str, program: pathlib.Path) -> tuple[list[dict], list[dict]]:
    """Events, and the lines of the program."""
    done = run([inquest, "trace", "--json", probe, "--", program])
    expect(done.returncode == 0, f"{probe}: status {done.returncode}: {done.stderr}{done.stdout[:500]}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"address')]
    return events_of(done.stdout), lines


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def values(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = compile_c(work / "members", [SOURCE])
    probes = {
        "{ args, terminal->type.names, terminal->title, terminal->next->next->type.names, terminal->type.columns }":
            lambda line: [f"{line['address']} {quoted(line['names'])}", quoted(line["title"]), quoted(line["next_names"]), str(line["columns"])],
        "{ terminal->descriptor, terminal->kind, terminal->is_open, terminal->next }":
            lambda line: [str(line["descriptor"]), str(line["kind"]), "true" if line["open"] else "false", line["next"]],
        "{ terminal->weight, terminal->ratio, terminal->kind, terminal->descriptor }":
            lambda line: [line["weight"], line["ratio"], str(line["kind"]), str(line["descriptor"])],
    }
    for braces, wanted in probes.items():
        events, lines = traced(inquest, f"{program}:use {braces}", program)
        expect(len(lines) == 3 and len(events) == 4, f"{braces}: {len(lines)} lines, {len(events)} events")
        with_args = "args" in braces
        for line, event in zip(lines, events):
            arguments = event["args"][3 if with_args else 0:]
            expect(len(arguments) == 4 and len(event["args"]) == (7 if with_args else 4), f"{braces}: {event['args']}")
            expect("frames" not in event, f"no stack was asked for: {event}")
            for argument, value in zip(arguments, wanted(line)):
                # Text inside a structure has an address that the program does not print; a character is shown after its number.
                shown = argument["value"]
                ok = shown.endswith(" " + value) if value.startswith('"') else shown == value or shown.split()[0] == value
                expect(ok, f"{argument['name']}: {shown}, the program says {value}")
        names = [argument["name"] for argument in events[0]["args"]]
        expect(names[-4:] == [word.strip() for word in braces.strip("{} ").split(",")][-4:], f"names: {names}")
        # A pointer to nowhere: said, and nothing else is lost.
        bad = events[3]["args"]
        # Of text inside a structure the address at least is known.
        expect(all(argument["value"] == "unreadable" or (argument["name"].endswith("title") and '"' not in argument["value"]) for argument in bad[-4:]),
               f"a bad pointer: {bad}")
        types = {argument["name"]: argument.get("type") for argument in events[0]["args"]}
        expect(not with_args or (types["terminal->type.names"], types["terminal->title"]) == ("char *", "char [24]"), f"types: {types}")
    # Behind the names of the arguments, with names of one's own, together with a predicate, and at the return.
    events, lines = traced(inquest, f"{program}:use(n, t, t->type.columns) if n == 2 {{ args, *t }}", program)
    expect([argument["name"] for argument in events[0]["args"]] == ["n", "t", "t->type.columns", "*t"] and len(events) == 1, f"parentheses: {events}")
    expect(events[0]["args"][2]["value"] == str(lines[2]["columns"]) and events[0]["args"][3]["value"] == "0x0", f"values: {events[0]['args']}")
    events, lines = traced(inquest, f"{program}:use%return if ret < 4 {{ args, terminal->descriptor }}", program)
    expect([event["args"][-1]["value"] for event in events] == [str(line["descriptor"]) for line in lines], f"at the return: {events}")
    text = run([inquest, "trace", f"{program}:use if number == 1 {{ terminal->descriptor }}", "--", program]).stdout
    expect("use(terminal->descriptor=-1)" in text, f"text: {text}")
    text = run([inquest, "trace", f"{program}:use if number == 3 {{ terminal->type.names }}", "--", program]).stdout
    expect("use(terminal->type.names=unreadable)" in text, f"what cannot be read is not null: {text}")
    # Kept in an event file too.
    file = work / "run.events"
    run([inquest, "trace", "-o", file, f"{program}:use if number == 1 {{ terminal->title }}", "--", program])
    kept = json.loads(run([inquest, "--json", "events", file]).stdout)["events"]
    expect(kept[0]["args"][0]["value"].endswith('"title 1"'), f"event file: {kept}")


def mistakes(inquest: pathlib.Path, work: pathlib.Path) -> None:
    program = compile_c(work / "members", [SOURCE])
    run(["cp", program, work / "plain"])
    run(["strip", "--strip-debug", work / "plain"])
    many = ", ".join(["terminal->kind"] * 5)
    deep = "->".join(["terminal", *["next"] * 5])
    for status, text, probe in [
        (2, "has no member absent", f"{program}:use {{ terminal->absent }}"),
        (2, "is no number", f"{program}:use {{ terminal->type }}"),
        (2, "is no number", f"{program}:use {{ terminal->wide }}"),
        (2, "is no number", f"{program}:use if terminal->weight > 1"),
        (2, "only 4 members", f"{program}:use {{ {many} }}"),
        (2, "more than 4 pointers", f"{program}:use {{ {deep} }}"),
        (2, "number is no pointer", f"{program}:use {{ number->kind }}"),
        (2, "no argument", f"{program}:use {{ nobody->kind }}"),
        (2, "not understood", f"{program}:use {{ terminal->kind == 3 }}"),
        (2, "no debug information", f"{work / 'plain'}:use(number, terminal) {{ terminal->kind }}"),
        (2, "one function only", f"{program}:us*(number, terminal) {{ terminal->kind }}"),
    ]:
        done = run([inquest, "trace", probe, "--", program])
        lines = done.stderr.strip().splitlines()
        expect(done.returncode == status and len(lines) == 1 and text in lines[0], f"{probe}: status {done.returncode}, wanted '{text}': {done.stderr}")


if __name__ == "__main__":
    main(values, mistakes)
