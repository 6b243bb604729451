"""What `why` has to say of the deaths in corpora/native/crashes: what the source and the program's own words tell."""
import dataclasses
import re

from crash_cores import SOURCE

TEXT = SOURCE.read_text()


@dataclasses.dataclass(frozen=True)
class Case:
    """`cause` and `words`: regular expressions for the first and the second line ({address}: what the program printed).

    Where the program has a symbol table, the second line names `globals` and `functions`; where it has none, the globals by
    their addresses. With debug information it has the lines of the source that `lines` are parts of."""
    cause: str
    words: tuple[str, ...] = ()
    globals: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    signal: str = ""        # when it is another one than the core's: a handler hid it
    rest: str = ""          # regular expression for the lines below
    instruction: bool = True  # what lies at the core's program counter is what is explained


def line_of(part: str) -> int:
    found = [number for number, line in enumerate(TEXT.splitlines(), 1) if part in line]
    if len(found) != 1:
        raise AssertionError(f"{part!r} is in {len(found)} lines of {SOURCE.name}")
    return found[0]


def argument(number: int, name: str, function: str) -> str:
    """With or without debug information, with or without symbols."""
    return rf"(?:argument {number}|the argument '{name}') of (?:{function}|the function)\b"


def thrown(exception: str, what: str, function: str = "", line: str = "") -> Case:
    return Case(rf'uncaught .*exception {re.escape(exception)}: "{re.escape(what)}"$', ("thrown by|raised in",),
                functions=(function,) if function else (), lines=(line,) if line else (), instruction=False)


NULL_GLOBAL = {"cause": r"read of 8 bytes at {address}: null pointer plus 8$", "words": (r"null, was loaded from",),
               "globals": ("head_of_list",), "functions": ("read_through_global",), "lines": ("return head_of_list->next",)}
NULL_CALL = {"words": ("was loaded from",), "globals": ("the_callback",), "functions": ("run_callback",),
             "lines": ("the_callback(argument);",)}

RECURSION = ("endless recursion", r"\d{5} frames$")

GROUPS: dict[str, dict[str, Case]] = {
    "null": {
        "null-global": Case(**NULL_GLOBAL),
        "null-argument": Case(r"read of 8 bytes at {address}: null pointer plus 16$",
                              (argument(1, "node", "remove_node"), r"field at offset 32 of what " + argument(1, "config", "unlink_first")),
                              ("the_config",), ("remove_node", "unlink_first"),
                              ("node->previous->value", "remove_node(config->first)", "unlink_first(the_config)")),
        "null-chain": Case(r"read of 8 bytes at {address}: null pointer$", (r"loaded from the field at offset 8 of what",),
                           ("head_of_list",), ("read_through_global",), ("return head_of_list->next",)),
        "null-in-list": Case(r"read of 8 bytes at {address}: null pointer$",
                             (r"null, was loaded from the field at offset 8 of what it pointed to in the round before",),
                             functions=("sum_list",), lines=("sum += node->value",)),
        "strlen-null": Case(r"read of \d+ bytes? at {address}: null pointer$", (r"argument 1 of strlen in libc\.so\.6",
                                                                            argument(1, "text", "measure")),
                            ("the_text",), ("measure",), ("return strlen(text)", "measure(the_text)")),
        "memcpy-null": Case(r"write of \d+ bytes? at {address}: null pointer$", (r"argument 1 of mem\w+ in libc\.so\.6",
                                                                             argument(1, "to", "copy_in")),
                            ("the_text",), ("copy_in",), ("copy_in(the_text",)),
    },
    "memory": {
        "munmap": Case(r"read of 1 byte at {address}: nothing is mapped there", (argument(1, "buffer", "read_buffer"), r"loaded from"),
                       ("the_buffer",), ("read_buffer",), ("return buffer[index]",)),
        "read-only": Case(r"write of 1 byte at {address}: read-only memory of .*program", (argument(1, "text", "write_text"),),
                          ("the_text",), ("write_text",), ("text[0] = 'x'", "write_text(the_text)")),
        "non-canonical": Case(r"read of 8 bytes at {address}, which is not a canonical address$", 
                              (r"\(0x6161616161616161\) was loaded from",),
                              ("head_of_list",), ("read_through_global",), ("return head_of_list->next",), rest='text \\("aaaaaaaa"\\)'),
        "sigbus": Case(r"read of 1 byte at {address}: beyond the end of the mapped file .*/beyond\w+ \(offset 0x1000\)$",
                       (argument(1, "buffer", "read_buffer"), "loaded from"), ("the_buffer",), ("read_buffer",), ("return buffer[index]",)),
    },
    "jumps": {
        "null-call": Case(r"call through a null pointer$", instruction=False, **NULL_CALL),
        "bad-call": Case(r"call through a bad pointer, {address}: nothing is mapped there", instruction=False, **NULL_CALL),
        "heap-call": Case(r"call to {address} in .*, which is not executable$", instruction=False, **NULL_CALL),
        "noncanonical-call": Case(r"call to {address}, which is not a canonical address$", **NULL_CALL),
    },
    "stacks": {
        "stack-overflow": Case(r"stack overflow: write of \d bytes? at {fault}, ", RECURSION, functions=("deep",)),
        "stack-overflow-handled": Case(r"stack overflow: write of \d bytes? at 0x[0-9a-f]+, ", RECURSION, functions=("deep",),
                                       rest="handler for this signal, and its stack had no room"),
        "stack-overflow-thread": Case(r"stack overflow: write of \d bytes? at {fault}, the guard page below", RECURSION,
                                      functions=("deep",)),
    },
    "aborts": {
        "assert": Case(rf"assertion failed: program: crashes\.cc:{line_of('assert(value > 0)')}: void check_positive\(long( int)?\): "
                       r"Assertion `value > 0' failed\.$", ("^called by",), functions=("check_positive",), lines=("assert(value > 0)",),
                       instruction=False),
        "abort": Case(r"abort was called$", ("^called by",), instruction=False),
        "uncaught": thrown("OwnError", "cannot open the door", "throw_own", "throw OwnError"),
        "uncaught-plain": thrown("PlainError", "a plain error", line="throw PlainError"),
        "uncaught-int": thrown("int", "42", line="throw 42"),
        "noexcept": thrown("OwnError", "cannot open the door", "no_escape", "void no_escape()"),
        "nested": thrown("std::_Nested_exception<std::logic_error>", "while entering"),
        "rethrown": thrown("OwnError", "cannot open the door", line="std::rethrow_exception(kept)"),
        "terminate": Case(r"std::terminate was called", ("^called by",), lines=("std::terminate();",), instruction=False),
        "pure-virtual": Case(r"a pure virtual function was called", ("^called by",), lines=(), instruction=False),
        "double-free": Case(r"free\(\): double free detected", ("^called by",), instruction=False),
    },
    "traps": {
        "divide": Case(r"integer division by zero: 7 / 0$", (r"the divisor.* 0, is " + argument(2, "b", "divide"), "loaded from"),
                       ("the_divisor",), ("divide",), ("return a / b", "divide(7, the_divisor)")),
        "divide-minimum": Case(r"the quotient of -2147483648 / -1 does not fit into 4 bytes$",
                               (r"the divisor.* -1, is " + argument(2, "b", "divide"), "loaded from"),
                               ("the_divisor",), ("divide",), ("return a / b", "divide(the_minimum, the_divisor)")),
        "illegal": Case(r"ud2, a trap of the compiler", ("^in ",), lines=("__builtin_trap()",)),
        "breakpoint": Case(r"a breakpoint instruction \(int3\)", ("^in ",), lines=('"int3"',), instruction=False),
    },
    "signals": {
        "handler-raise": Case(signal="SIGSEGV", instruction=False, rest="on_fault|handler", **NULL_GLOBAL),
        "handler-abort": Case(signal="SIGSEGV", instruction=False, rest="handler .*SIGABRT", **NULL_GLOBAL),
        "alarm-abort": Case(r"abort was called$", ("^called by",), functions=("on_fault_abort",), instruction=False,
                            rest="in a signal handler, which interrupted .*(pause|libc)"),
        "from-outside": Case(r"from outside the program's code: sent by process {sender} of user {user}$", ("^the thread was in",),
                             instruction=False),
        # By its return address, or by the check that the compiler added: `stack_smash` in why.py.
        "stack-smash": Case(r"return to 0x[0-9a-f]+, which is not|\*\*\* (buffer overflow|stack smashing) detected \*\*\*",
                            instruction=False),
    },
}
