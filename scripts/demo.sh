#!/usr/bin/env bash
# The whole story in one command: installs what is missing, builds inquest, lets a leaking HTTP service (corpora/leak)
# die young and old under this machine's Node.js, and asks the two cores what leaked. The machine's core_pattern stays.
#
#   scripts/demo.sh
set -euo pipefail
exec </dev/null
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

young_requests=500
old_requests=5000

say "what is missing"
scripts/install_deps.sh

say "building (build/release)"
configure release
build release inquest inquest_plugin

# A node that is a wrapper script still knows its real program.
node=$(node -p process.execPath)
say "a leaking HTTP service dies after $young_requests and after $old_requests requests, under Node.js $("$node" --version)"
stage=$root/build/demo
mkdir -p "$stage"
young=$(scripts/make_core leak "$node" -- "$young_requests")
old=$(scripts/make_core leak "$node" -- "$old_requests")
# Cores are kept, and v8 diff goes by their times: the old one may have been made before the young one.
[[ $old/core -nt $young/core ]] || touch "$old/core"
ln -sfn "$young/core" "$stage/young.core"
ln -sfn "$old/core" "$stage/old.core"

say "the session (in build/demo, with build/release/bin on PATH)"
cd "$stage"
PATH=$root/build/release/bin:$PATH

# show COMMAND LINE: as typed, then what it prints; status 1 says that part of the answer is missing, which is no failure.
show() {
  local status=0
  printf '\n$ %s\n' "$1"
  bash -o pipefail -c "$1" || status=$?
  [[ $status -le 1 ]] || die "status $status"
}

show 'inquest -c old.core v8 info'
show 'inquest -c old.core v8 findjsobjects | tail -n 16'
show 'inquest -c old.core v8 findjsinstances -n 5 Session'
session=$(inquest --json -c old.core v8 findjsinstances -n 1 Session 2>/dev/null | sed -n 's/.*"address": "\(0x[0-9a-f]*\)".*/\1/p' | head -n 1)
show "inquest -c old.core v8 inspect --depth 2 $session"
show 'inquest -c old.core v8 diff young.core | tail -n 24'
show "lldb-19 --batch -o 'plugin load ../release/lib/libinquest.so' -o 'target create --core old.core' -o 'v8 findjsinstances -n 3 Session'"
