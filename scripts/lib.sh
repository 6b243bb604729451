# shellcheck shell=bash
# Shared by the scripts: where the tree is, how steps are announced, how a preset is configured.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
jobs=$(nproc)

say() { printf '\n== %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# configure PRESET [CMAKE OPTIONS...]: quick when it has been done before.
# Warnings are errors for the compilers that the tree is kept clean with; another one may warn about something new.
configure() {
  local preset=$1 werror=OFF
  shift
  case $preset in
    clang | fuzz) werror=ON ;;
    *) [[ $(g++ -dumpversion) == 12* ]] && werror=ON ;;
  esac
  local log=build/$preset/configure.log
  mkdir -p "build/$preset"
  if ! cmake --preset "$preset" -DINQUEST_WERROR=$werror "$@" >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
}

# build PRESET [TARGETS...]: shows only what went wrong.
build() {
  local preset=$1
  shift
  local log=build/$preset/build.log
  if ! cmake --build "build/$preset" -j "$jobs" ${1:+--target "$@"} >"$log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" | tail -n 200 >&2
    return 1
  fi
}
