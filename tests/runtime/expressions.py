"""EXPR (docs/expressions.md): $N, sums, and expressions of LLDB, against what was printed and what LLDB itself says."""
import pathlib
import re
import subprocess

MISTAKES = ("nonsense", "0xzz", "1 +", "$9999", "1.5", "*(long*)(", "\\x1b[2J")


def said_by_lldb(plugin: str, core: pathlib.Path, commands: list[str]) -> list[str]:
    """What LLDB prints for each command, standard error included; it ends with the first that fails."""
    words = ["lldb-19", "-b", "-o", f"plugin load {plugin}", "-o", f"target create --core {core}"]
    for command in commands:
        words += ["-o", command]
    said = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300).stdout
    answers = []
    for command in commands:
        _, prompt, said = said.partition(f"(lldb) {command}\n")
        answers.append(said.partition("(lldb) ")[0] if prompt else "")
    return answers


def on_command_line(inquest: str, core: pathlib.Path, *commands: str) -> subprocess.CompletedProcess:
    words = [inquest, "-c", str(core)]
    for command in commands:
        words += ["-o", command]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)


def failures_of_numbers(inquest: str, core: pathlib.Path) -> list[str]:
    """$N on the command line: what was printed, in the order in which it was printed."""
    failures = []
    page = on_command_line(inquest, core, "v8 findjsinstances -n 4 Session").stdout.splitlines()
    rows = [re.match(r"0x[0-9a-f]+", line)[0] for line in page[:4]]
    done = on_command_line(inquest, core, "v8 findjsinstances -n 4 Session", "v8 print $3", "v8 whatis '$2 + 8'", "v8 print $",
                           "v8 findrefs -v $1", "v8 print $8")
    lines = done.stdout.splitlines()[len(page):]
    holder = re.match(r"0x[0-9a-f]+", lines[-2])[0]
    expected = [(lines[0], rows[2]), (lines[1], f"{int(rows[1], 16) + 8:#x}: object {rows[1]} + 9"), (lines[-3], rows[1]),
                (lines[-2], holder), (lines[-1], holder)]
    for line, beginning in expected:
        if not line.startswith(beginning):
            failures.append(f"{line!r} does not begin with {beginning}")
    if not re.search(rf"={rows[0]}\b", lines[-2]):
        failures.append(f"findrefs -v $1: {lines[-2]!r} is no reference to {rows[0]}")
    if "These are $1 to $4." not in done.stderr or "This is $5." not in done.stderr:
        failures.append(f"the numbers are not told: {done.stderr!r}")
    for command in ("v8 print $1", "v8 print '$rax'", *(f"v8 inspect '{text}'" for text in MISTAKES)):
        alone = on_command_line(inquest, core, command)
        if alone.returncode != 2 or alone.stdout or len(alone.stderr.splitlines()) != 1:
            failures.append(f"{command}: status {alone.returncode}, {alone.stdout!r}, {alone.stderr!r}; wanted: one line, status 2")
    return failures


def failures_in_lldb(plugin: str, inquest: str, core: pathlib.Path) -> list[str]:
    rows = on_command_line(inquest, core, "v8 findjsinstances -n 3 Session").stdout.splitlines()
    address = re.match(r"0x[0-9a-f]+", rows[1])[0]
    registers, pointed, page, second, cast, hidden_class, register, memory = said_by_lldb(plugin, core, [
        "register read rsp", "expression -f hex -- *(unsigned long*)($rsp+8)", "v8 findjsinstances -n 3 Session", "v8 print $2",
        f"v8 print (long){address}", f"v8 print *(long*)({address} - 1)", "v8 whatis $rsp", "v8 whatis *(long*)($rsp+8)"])
    stack_pointer = re.search(r"rsp = (0x[0-9a-f]+)", registers)[1]
    word = re.search(r"= (0x[0-9a-f]+)", pointed)[1]
    failures = []
    if "(Showing 1 to 3 of" not in page:
        failures.append(f"no page of instances in LLDB: {page!r}")
    for name, answer, beginning in [("$2", second, rows[1]), ("a cast", cast, rows[1]), ("$rsp", register, f"{int(stack_pointer, 16):#x}: stack"),
                                    ("*(long*)($rsp+8)", memory, f"{int(word, 16):#x}: ")]:
        if not any(line.startswith(beginning) for line in answer.splitlines()):
            failures.append(f"{name} in LLDB: {answer!r}, expected {beginning}")
    if not re.search(r"^0x[0-9a-f]+:<Map\b", hidden_class, re.MULTILINE):
        failures.append(f"the first word of {address} is {hidden_class!r}, not its hidden class")
    for text in MISTAKES:
        answer = said_by_lldb(plugin, core, [f"v8 print {text}"])[0]
        if len(answer.strip().splitlines()) != 1 or not answer.startswith("error: "):
            failures.append(f"v8 print {text} in LLDB says {answer!r}, not one line with an error")
    return failures


def check(context, case: str) -> list[str]:
    core = context.make(case) / "core"
    failures = failures_of_numbers(context.inquest, core)
    if context.plugin:
        failures += failures_in_lldb(context.plugin, context.inquest, core)
    context.say(f"{len(MISTAKES)} mistakes" + (", in LLDB too" if context.plugin else ""))
    return failures
