#!/usr/bin/env bash
# What one look costs: a process with 20 children among 300 on the machine, in ms
# of CPU a tick, of the whole program. The peers are pidstat (sysstat) and psrecord
# (psutil); one that is missing is left out. pidstat reads no children: it is given all PIDs.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
go build -o "$work/mcpdiag" ./cmd/mcpdiag
TIMEFORMAT='%U %S'

for _ in $(seq 280); do sleep 600 & done
bash -c 'for _ in $(seq 20); do sleep 600 & done; trap "kill \$(jobs -p)" TERM; wait' & tree=$!
sleep 1
echo "$(ls -d /proc/[0-9]* | wc -l) processes on the machine"

# tick N command…: ms of CPU a tick of N.
tick() {
  local n=$1; shift
  { time "$@" >"$work/out" 2>"$work/err"; } 2>"$work/time" || { cat "$work/err" >&2; return 1; }
  awk -v n="$n" '{printf "%.2f", ($1 + $2) * 1000 / n}' "$work/time"
}
# The cost of starting and ending is taken off: the difference of a long run and a short one.
per_tick() {
  local long=$1 short=$2; shift 2
  local a b
  a=$(tick 1 "${@//COUNT/$long}"); b=$(tick 1 "${@//COUNT/$short}")
  awk -v a="$a" -v b="$b" -v n=$((long - short)) 'BEGIN {printf "%.2f", (a - b) / n}'
}
ours() { per_tick 220 20 "$work/mcpdiag" -q monitor --pid "$tree" --interval "$1" --count COUNT -o "$work/m.csv"; }
echo "mcpdiag, every 100 ms  $(ours 100ms) ms a tick (at most 1.00; PSS, files and sockets are read once a second)"
if command -v pidstat >/dev/null; then
  pids=$tree,$(pgrep -P "$tree" | paste -sd,)
  echo "pidstat -r, every 1 s  $(per_tick 12 2 pidstat -r -h -p "$pids" 1 COUNT) ms a tick"
else
  echo "pidstat: not installed (Debian's sysstat)"
fi
if command -v psrecord >/dev/null; then
  a=$(tick 1 psrecord "$tree" --include-children --interval 0.1 --duration 20 --log "$work/ps.log")
  b=$(tick 1 psrecord "$tree" --include-children --interval 0.1 --duration 2 --log "$work/ps.log")
  awk -v a="$a" -v b="$b" 'BEGIN {printf "psrecord, every 100 ms %.2f ms a tick\n", (a - b) / 180}'
else
  echo "psrecord: not installed (pip install psrecord)"
fi
