#!/usr/bin/env bash
# The smallest leak that leaktest finds in three minutes: servers that keep a number of
# bytes per call, and the number of runs in which they are called a leak; nine of ten is
# a power of 90 %. RUNS=10 takes two hours, the default of one run twelve minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/mcpdiag" ./cmd/mcpdiag
go build -o "$work/memory" ./bench/memory

# found NAME BYTES ARGUMENTS…: prints the number of runs that found the leak, and their calls.
found() {
  local name=$1 bytes=$2 leaks=0 calls=(); shift 2
  for _ in $(seq "$runs"); do
    local code=0
    LEAK=$bytes "$work/mcpdiag" -q leaktest --factors everyday --max-time 3m -o "$work/out" "$@" >/dev/null 2>"$work/errors" || code=$?
    case $code in
      0) ;;
      3) leaks=$((leaks + 1)) ;;
      *) cat "$work/errors" >&2; return 1 ;;
    esac
    calls+=("$(awk -F, 'END {print $2}' "$work/out/rounds.csv")")
  done
  printf '%-32s %6s bytes a call: found in %s of %s runs (%s calls)\n' "$name" "$bytes" "$leaks" "$runs" "$(printf '%s\n' "${calls[@]}" | sort -n | sed -n "$(((runs + 1) / 2))p")"
}

for bytes in ${GO_BYTES-64}; do
  found 'Go, by RSS' "$bytes" --rss -- "$work/memory" --listen '127.0.0.1:{port}' --leak "$bytes"
  found 'Go with pprof' "$bytes" -- "$work/memory" --listen '127.0.0.1:{port}' --leak "$bytes"
done
for bytes in ${PYTHON_BYTES-128}; do
  found Python "$bytes" -- python3 internal/leaktest/testdata/server.py '{port}' bytes
done
if ! command -v npm >/dev/null; then
  echo 'Node: npm is missing'
  exit
fi
testdata/leaks/install.sh
for bytes in ${NODE_BYTES-128}; do
  found Node "$bytes" -- node testdata/leaks/sdk1.mjs '{port}'
done
