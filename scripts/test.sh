#!/usr/bin/env bash
# Everything that has to hold before a change lands: installs what is missing, checks the sources, builds, runs the tests.
#
#   scripts/test.sh            checks; release build and all its tests; sanitizer build, unit and robustness tests
#   scripts/test.sh --clang    the release build by clang 19 and its unit tests as well
#   scripts/test.sh --quick    checks, release build and unit tests only
#
# The last line says "N passed, N failed, N skipped"; a check or a build counts as one. Status 0 when nothing failed.
# What needs reading is below build/: */configure.log, */build.log, */tests.log.
set -euo pipefail
exec </dev/null
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

with_clang=0
quick=0
for argument in "$@"; do
  case $argument in
    --clang) with_clang=1 ;;
    --quick) quick=1 ;;
    *)
      echo "usage: scripts/test.sh [--clang] [--quick]" >&2
      exit 2
      ;;
  esac
done

passed=0
failed=0
skipped=0
failures=()

# step NAME COMMAND...: one line for it; status of the command is kept, and counted.
step() {
  local name=$1 started=$SECONDS
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok    $name ($((SECONDS - started)) s)"
  else
    failed=$((failed + 1))
    failures+=("$name")
    echo "FAIL  $name ($((SECONDS - started)) s)"
    return 1
  fi
}

skip() {
  skipped=$((skipped + 1))
  echo "skip  $1: $2"
}

format_check() {
  local complaints
  complaints=$(git ls-files -z -- '*.cc' '*.h' | xargs -0 clang-format-14 --dry-run 2>&1 | grep warning: | cut -d: -f1 | sort | uniq -c)
  [[ -z $complaints ]] || { echo "$complaints" && return 1; }
}

shell_check() {
  local scripts
  scripts=$(git grep -lE '^#!.*\b(ba)?sh$' -- scripts corpora bench tests .ci)
  # shellcheck disable=SC2086  # no names with blanks in this tree
  shellcheck -x $scripts
}

# tests PRESET [CTEST OPTIONS...]: runs them and adds up what ctest counted.
tests() {
  local preset=$1 started=$SECONDS status=0 counted
  shift
  local report=$root/build/$preset/tests.xml log=$root/build/$preset/tests.log
  rm -f "$report"
  ctest --preset "$preset" -j "$jobs" --timeout 900 --output-junit "$report" "$@" >"$log" 2>&1 || status=$?
  if ! counted=$(python3 - "$report" 2>>"$log" <<'PYTHON'
import sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot()
ran, bad, off, left = (int(suite.get(key, 0)) for key in ("tests", "failures", "disabled", "skipped"))
print(ran - bad - off - left, bad, off + left)
for case in suite.iter("testcase"):
    if case.get("status") == "fail":
        print("      failed:", case.get("name"))
        said = (case.findtext("system-out") or "").strip().splitlines()
        telling = [line for line in said if line.startswith("FAILED") or "Failure" in line] or said
        for line in telling[:6] + ["..."] * (len(telling) > 6):
            print("        ", line[:200])
    elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        print("      skipped:", case.get("name"))
PYTHON
  ); then
    tail -n 40 "$log"
    step "$preset tests" false || true
    return
  fi
  local good bad left
  read -r good bad left <<<"${counted%%$'\n'*}"
  passed=$((passed + good))
  failed=$((failed + bad))
  skipped=$((skipped + left))
  echo "$([[ $status -eq 0 ]] && echo 'ok  ' || echo FAIL)  $preset tests: $good passed, $bad failed, $left skipped ($((SECONDS - started)) s)"
  [[ $counted != *$'\n'* ]] || sed 1d <<<"$counted"
  if [[ $status -ne 0 ]]; then
    failures+=("$preset tests")
    # A failure that no test case owns still fails the run.
    [[ $bad -gt 0 ]] || failed=$((failed + 1))
    echo "      all that they said: build/$preset/tests.log"
  fi
}

built() {
  local preset=$1
  configure "$preset" && build "$preset"
}

install_dependencies() {
  if [[ $with_clang -eq 1 ]]; then scripts/install_deps.sh --clang; else scripts/install_deps.sh; fi
}

if step "dependencies" install_dependencies; then
  if command -v clang-format-14 >/dev/null; then
    step "format (scripts/format.sh repairs it)" format_check || true
  else
    skip "format" "no clang-format 14 here, and other versions disagree about details"
  fi
  step "layers and file sizes" scripts/check_includes.py || true
  step "shell scripts" shell_check || true

  if step "release build" built release; then
    if [[ $quick -eq 1 ]]; then tests release -L unit; else tests release; fi
  fi
  if [[ $quick -eq 0 ]] && step "asan build" built asan; then
    tests asan -L 'unit|robustness'
  fi
  if [[ $with_clang -eq 1 ]] && step "clang build" built clang; then
    tests clang -L unit
  fi
fi

[[ ${#failures[@]} -eq 0 ]] || printf 'failed: %s\n' "${failures[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[[ $failed -eq 0 ]]
