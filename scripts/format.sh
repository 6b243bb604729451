#!/usr/bin/env bash
# Formats every tracked C++ file in place. The version counts: Debian 12's clang-format 14 decides.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
program=$(command -v clang-format-14 || command -v clang-format || true)
[[ -n $program ]] || die "no clang-format: apt-get install clang-format"
git ls-files -z -- '*.cc' '*.h' | xargs -0 "$program" -i
