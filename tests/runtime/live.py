"""Commands on a process that LLDB holds stopped: against what the program says of itself, and against its core.

The program of corpora/live stops itself by SIGTRAP and goes on to die of SIGABRT. At both stops the commands must tell what it has
printed just before; what they tell at the second one must be what they tell of the core that the kernel writes when the process is
let go, for nothing has run in between."""
import json
import pathlib
import re
import resource
import runpy
import subprocess
import sys
import tempfile

from context import REPOSITORY, Context, Unavailable
from javascript_stacks import compare_stacks, is_in_error_stack, shown_like_error_stack

LLDB = "lldb-19"
# Compared with the core's, where they are to be the same but for what only one of them can know.
COMPARED = ("v8 bt --all --json", "inquest bt --all --json", "inquest why --json", "v8 findjsobjects --json", "v8 findjsobjects -d --json",
            "v8 findjsinstances -n 5 Session", "v8 findrefs -n step", "v8 findrefs -s 'step number 2'", "v8 async --json",
            "v8 errors --json", "v8 strings --json", "v8 nodeinfo --json", "v8 source list", "v8 functions -n stop",
            "inquest check-debug-info --json")
sys.path.append(str(REPOSITORY / "scripts"))
MAKE_CORE = runpy.run_path(str(REPOSITORY / "scripts" / "make_core"))
DIE = "thread continue 1"  # the signal kills the process before any other thread runs
QUICK = ("settings set auto-confirm true", "settings set target.preload-symbols false", "settings set symbols.enable-external-lookup false")


class Run:
    """One run under LLDB: `first` at the first stop, `last` when it is about to die; then it does."""

    def __init__(self, context: Context, work: pathlib.Path, first: list[str], last: list[str]):
        node = MAKE_CORE["node_program"](context.version)
        program = MAKE_CORE["kept_case"]("live") / "program.js"
        lines = [*QUICK, f"plugin load {context.plugin}", f"process launch -o {work / 'said'} -w {work} -- {program}",
                 *first, "continue", *last, DIE]
        (work / "commands").write_text("\n".join(lines) + "\n")
        # A batch (-b) would end with the first command that fails.
        words = [LLDB, "--no-lldbinit", "-o", f"command source -e false -c false {work / 'commands'}", "-o", "quit", "--", str(node)]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400,
                              cwd=work, preexec_fn=_with_core)
        self.output = done.stdout
        said = (work / "said").read_text().splitlines() if (work / "said").is_file() else []
        self.truths = [json.loads(line) for line in said if line.startswith('{"')]
        if len(self.truths) != 2:
            raise RuntimeError(f"the program did not run: {self.output[-2000:]}")
        rest = self.output
        self.first, rest = _answers(rest, [*first, "continue"])
        self.last, rest = _answers(rest, [*last, DIE])
        pattern = MAKE_CORE["kernel_core_glob"]()
        cores = [path for path in work.glob(pattern) if path.name not in ("said", "commands")] if pattern else []
        self.core = cores[0] if cores else None


def _with_core() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def _answers(said: str, commands: list[str]) -> tuple[dict[str, str], str]:
    answers = {}
    for command in commands:
        _, _, rest = said.partition(f"(lldb) {command}\n")
        answer, _, _ = rest.partition("(lldb) ")
        answers[command], said = answer, rest
    return answers, said


def object_in(answer: str) -> dict:
    """The JSON of an answer, beside which LLDB shows warnings."""
    at = answer.find("{")
    if at < 0:
        raise ValueError(f"no JSON in {answer[:300]!r}")
    return json.JSONDecoder().raw_decode(answer[at:])[0]


def failures_of_stop(answers: dict[str, str], truth: dict) -> list[str]:
    """One stop against what the program said just before."""
    thread = next(thread for thread in object_in(answers["v8 bt --json"])["threads"])
    found = [shown_like_error_stack(frame) for frame in thread["frames"] if is_in_error_stack(frame)]
    failures = compare_stacks(found[len(found) - len(truth["frames"]):], [frame["shown"] for frame in truth["frames"]])
    if not thread["complete"]:
        failures.append(f"the stack ends early: {thread.get('stop_reason')}")
    counts = {row["type"]: 0 for row in object_in(answers["v8 findjsobjects --json"])["rows"]}
    for row in object_in(answers["v8 findjsobjects --json"])["rows"]:
        counts[row["type"]] += row["count"]
    for name, count in truth["counts"].items():
        if counts.get(name) != count:
            failures.append(f"{counts.get(name)} of {name}, the program made {count}")
    marker = re.search(r"\.step=<Smi: (\d+)>", answers["v8 inspect $1"])
    if not marker or int(marker[1]) != truth["step"]:
        failures.append(f"v8 inspect of the marker: {answers['v8 inspect $1']!r}, its step is {truth['step']}")
    return [f"stop {truth['step']}: {failure}" for failure in failures]


# Evaluated by looking only; of the core LLDB itself says what they are.
EXPRESSIONS = ("$rsp", "$pc", "*(long*)($rsp+8)", "*(long*)$rsp + 8", "(unsigned char)*(unsigned long*)($rsp + 2*8) + 0x1000", "$rsp - 0x10",
               "((long*)$rsp)[1]", "*(int*)$rsp & 0xfff", "*(unsigned int**)($rsp+8)", "(unsigned short)$rsp", "3 * (5 - 0x2000) + 0x8000", "$rsp / 16 * 16")
MISTAKES = ("nonsense", "abort()", "1 +", "*(long*)(", "*5", "$nowhere", "1.5", "((((1)", "2 / (1 - 1)")
ASKED = ["v8 bt --json", "v8 findjsobjects --json", "v8 findjsinstances Marker", "v8 inspect $1"]


def check(context: Context, _case: str) -> list[str]:
    if not context.plugin:
        raise Unavailable("no plugin was built (LLDB is missing)")
    with tempfile.TemporaryDirectory(prefix="inquest-live-") as directory:
        work = pathlib.Path(directory)
        # A register that nothing needs behind a system call.
        changed = [*(f"v8 print {text}" for text in MISTAKES), "register write r11 0x4d2", "inquest why --json"]
        run = Run(context, work, [*ASKED, *changed], [*ASKED, *(f"v8 whatis {text}" for text in EXPRESSIONS), *COMPARED])
        failures = failures_of_stop(run.first, run.truths[0]) + failures_of_stop(run.last, run.truths[1])
        failures += failures_of_mistakes(run.first)
        if object_in(run.first["inquest why --json"])["registers"]["r11"] != "0x4d2":
            failures.append("a register that was written in LLDB is shown as it was")
        if run.core is None:
            context.say("the kernel leaves no core in the working directory: nothing to compare with")
            return failures
        failures += failures_of_core(context, run) + failures_of_expressions(context, run)
    return failures


def failures_of_mistakes(answers: dict[str, str]) -> list[str]:
    failures = []
    for text in MISTAKES:
        answer = answers[f"v8 print {text}"]
        if not answer.startswith("error: ") or len(answer.strip().splitlines()) != 1:
            failures.append(f"v8 print {text} says {answer!r}, not one line with an error")
    return failures


def failures_of_expressions(context: Context, run: Run) -> list[str]:
    """LLDB evaluates them on the core, where that runs no code."""
    commands = [f"v8 whatis {text}" for text in EXPRESSIONS]
    words = [LLDB, "-b", "--no-lldbinit", "-o", f"plugin load {context.plugin}", "-o", f"target create --core {run.core}"]
    for command in commands:
        words += ["-o", command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    on_core, _ = _answers(done.stdout, commands)
    failures = []
    for command in commands:
        expected, found = _common(on_core[command], command), _common(run.last[command], command)
        if not expected or expected[0].startswith("error: ") or expected != found:
            failures.append(f"{command}: {found[:2]}, LLDB says on the core {expected[:2]}")
    return failures


def _common(answer: str, command: str):
    """What core and process must agree on."""
    if not command.endswith("--json"):
        return [line for line in answer.rstrip("\n").splitlines() if not line.startswith(("warning: ", "note: "))]
    return _without(object_in(answer))


def _without(value):
    if isinstance(value, list):
        # LLDB and the kernel put the threads into different orders behind the first.
        return sorted((_without(one) for one in value), key=lambda one: one.get("tid", 0) if isinstance(one, dict) else 0)
    if not isinstance(value, dict):
        return value
    # A core knows no names of threads and cuts the arguments, from which titles are taken where symbols are missing; a process is in no
    # file; notes speak of either, and of what earlier commands of the session have found missing.
    unlike = {"core", "core_time", "core_size", "title", "notes", "incomplete"} | ({"name"} if "tid" in value else set())
    return {key: _without(one) for key, one in value.items() if key not in unlike}


def failures_of_core(context: Context, run: Run) -> list[str]:
    failures = []
    for command in COMPARED:
        words = command.removeprefix("inquest ").replace("'step number 2'", "step number 2")
        done = subprocess.run([context.inquest, "-c", str(run.core), "-o", command.removeprefix("inquest ")], capture_output=True,
                              text=True, timeout=300, stdin=subprocess.DEVNULL)
        if done.returncode not in (0, 1):
            failures.append(f"{words} on the core: status {done.returncode}, {done.stderr.strip()}")
            continue
        expected, found = _common(done.stdout, command), _common(run.last[command], command)
        if expected != found:
            failures.append(f"{command}: the process answers otherwise than its core:\n{_difference(expected, found)}")
    context.say(f"{len(COMPARED)} answers compared with those on the core")
    return failures


def _difference(expected, found) -> str:
    def lines(value) -> list[str]:
        return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else json.dumps(value, indent=1).splitlines()

    left, right = lines(expected), lines(found)
    for number, (one, other) in enumerate(zip(left, right), 1):
        if one != other:
            return f"  line {number}: core: {one[:300]}\n  line {number}: process: {other[:300]}"
    return f"  {len(left)} lines of the core, {len(right)} of the process"
