#!/usr/bin/env python3
"""Checks inquest on a real core: harness.py CASE VERSION [--inquest PROGRAM] [--plugin LIBRARY] [--remove]

CASE is one of checks.CHECKS, VERSION what scripts/make_core takes. The program is --inquest, or $INQUEST, or on the PATH.
Exit status: 0 as expected, 1 not, 77 skipped (the reason is the last line).
"""
import argparse
import subprocess
import sys
import time

import checks
from census import InquestFailed, program_under_test
from context import GC_CORES, REPOSITORY, STATUS_UNAVAILABLE, Context, Unavailable


def parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("case", choices=sorted(checks.CHECKS))
    parser.add_argument("version")
    parser.add_argument("--inquest")
    parser.add_argument("--plugin")
    parser.add_argument("--gc-cores", type=int, default=GC_CORES)
    parser.add_argument("--remove", action="store_true", help="remove the cores of this case and version afterwards")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    options = parsed(words)
    context = Context(options.version, program_under_test(options.inquest), options.plugin, options.gc_cores)
    started = time.monotonic()
    try:
        failures = checks.CHECKS[options.case](context, options.case)
    except Unavailable as reason:
        print(f"skipped: {reason}")
        return STATUS_UNAVAILABLE
    except (InquestFailed, subprocess.TimeoutExpired, KeyError, ValueError) as error:
        failures = [f"{type(error).__name__}: {error}"]
    finally:
        if options.remove:
            subprocess.run([REPOSITORY / "scripts" / "make_core", "--remove", f"{options.case}-{options.version}"])
    for line in context.printed + [f"FAILED {failure}" for failure in failures]:
        print(line)
    print(f"{options.case} {options.version}: {'failed' if failures else 'as expected'}, {time.monotonic() - started:.1f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
