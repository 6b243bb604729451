#!/usr/bin/env bash
# Installs what building, testing and the demo need, from Debian's packages (12 and 13). Only what is missing is
# installed; with nothing missing it needs no network and no rights.
#
#   scripts/install_deps.sh            what scripts/demo.sh and scripts/test.sh need
#   scripts/install_deps.sh --clang    clang 19 too, for the presets clang and fuzz
set -euo pipefail

packages=(
  # tools
  g++ cmake ninja-build ccache pkg-config git python3 gdb binutils gzip zstd lz4 ca-certificates
  # libraries of the product
  libfmt-dev libcli11-dev nlohmann-json3-dev libdw-dev libelf-dev zlib1g-dev libdeflate-dev libzstd-dev liblz4-dev liblzma-dev
  libcapstone-dev libiberty-dev libpcre2-dev libbpf-dev
  # the kernel's half of the tracer
  clang bpftool
  lldb-19 liblldb-19-dev
  # tests, checks and the package
  libgtest-dev libgmock-dev clang-format shellcheck dpkg-dev file
  # variants of the native test program, and what their stacks are compared with
  clang-19 lld-19 llvm-19 dwz elfutils xz-utils libc6-dbg
  # the story of corpora/ncurses
  libncurses-dev python3-minimal
)
for argument in "$@"; do
  case $argument in
    --clang) packages+=(clang-19 libclang-rt-19-dev) ;;
    *)
      echo "install_deps.sh: unknown option $argument" >&2
      exit 2
      ;;
  esac
done
# Node.js and npm may come from elsewhere; Debian's are taken only when there are none.
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
missing=()
for package in "${packages[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
# The tests ask apt-cache for Debian's own Node.js; on a fresh system the package lists may be empty.
lists=$(apt-cache policy libc6 2>/dev/null | grep -c 'http\|file:' || true)
[[ ${#missing[@]} -gt 0 || $lists -eq 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    [[ ${#missing[@]} -gt 0 ]] || exit 0
    echo "install_deps.sh: as root, run: apt-get update && apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
if ! "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 update -qq >&2; then
  [[ ${#missing[@]} -gt 0 ]] || exit 0
fi
[[ ${#missing[@]} -gt 0 ]] || exit 0
echo "installing: ${missing[*]}" >&2
"${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "${missing[@]}" >&2
