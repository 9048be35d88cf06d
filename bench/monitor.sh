#!/usr/bin/env bash
# What watching costs: a process with 20 children among 300 on the machine, in ms of
# CPU a tick (user and system) of the whole program, without its start and end: the
# difference of a long run and a short one, the median of three. The peers are pidstat
# (sysstat; it reads no children and is given all PIDs), psrecord, and psutil alone. Then
# the size of a day's CSV, and whether the memory stays.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
go build -o "$work/mcpdiag" ./cmd/mcpdiag

for _ in $(seq 280); do sleep 900 & done
bash -c 'for _ in $(seq 20); do sleep 900 & done; trap "kill \$(jobs -p)" TERM; wait' & tree=$!
sleep 1
echo "$(ls -d /proc/[0-9]* | wc -l) processes on the machine, load $(cut -d' ' -f1 /proc/loadavg) on $(nproc) processors"

# cpu command…: ms of CPU.
cpu() {
  local TIMEFORMAT='%U %S'
  { time "$@" >"$work/out" 2>"$work/err"; } 2>"$work/time" || { cat "$work/err" >&2; return 1; }
  awk '{print ($1 + $2) * 1000}' "$work/time"
}
# row name LONG SHORT command…: COUNT stands for the ticks, SECONDS_ for the time they take at 100 ms.
row() {
  local name=$1 long=$2 short=$3 a b; shift 3
  for _ in 1 2 3; do
    a=$(ticks "$long" "$@"); b=$(ticks "$short" "$@")
    awk -v a="$a" -v b="$b" -v n=$((long - short)) 'BEGIN {printf "%.2f\n", (a - b) / n}'
  done | sort -n | paste -sd' ' | awk -v name="$name" '{printf "%-44s %5.2f  (%s to %s)\n", name, $2, $1, $3}'
}
ticks() {
  local n=$1; shift
  local command=("${@//COUNT/$n}")
  cpu "${command[@]//SECONDS_/$(awk -v n="$n" 'BEGIN {print n / 10}')}"
}
python=
for p in python3 /usr/bin/python3; do # Debian's psutil is of Debian's Python
  if "$p" -c 'import psutil' 2>/dev/null; then python=$p; break; fi
done
watch=("$work/mcpdiag" -q monitor --pid "$tree" -o "$work/m.csv" --count COUNT --interval)

cat >"$work/bare.py" <<'PY'
import sys, time, psutil
root = psutil.Process(int(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    sum(p.memory_info().rss for p in [root, *root.children(recursive=True)])
    time.sleep(float(sys.argv[3]))
PY
cat >"$work/loop.py" <<'PY'
# The loop of psrecord --include-children: CPU, memory and children at each tick, a line each.
import sys, time, psutil
root, known = psutil.Process(int(sys.argv[1])), {}
start = time.time()
with open(sys.argv[4], "w") as log:
    for _ in range(int(sys.argv[2])):
        root.status()
        cpu, mem = root.cpu_percent(), root.memory_info()
        rss, vms = mem.rss, mem.vms
        for child in root.children(recursive=True):
            child = known.setdefault(child.pid, child)
            mem = child.memory_info()
            cpu, rss, vms = cpu + child.cpu_percent(), rss + mem.rss, vms + mem.vms
        log.write(f"{time.time() - start:12.3f} {cpu:12.3f} {rss / 1024**2:12.3f} {vms / 1024**2:12.3f}\n")
        time.sleep(float(sys.argv[3]))
PY

echo "ms of CPU a tick                             median  (of three)"
row "mcpdiag, every 100 ms (at most 1.00)" 110 10 "${watch[@]}" 100ms
row "mcpdiag, every 1 s" 16 1 "${watch[@]}" 1s
"$work/mcpdiag" -q monitor --pid "$tree" -o "$work/m.csv" --count 30 --interval 1s >/dev/null 2>&1
row_bytes=$(awk 'NR > 1 {n += length($0) + 1} END {print n / (NR - 1)}' "$work/m.csv")
if command -v pidstat >/dev/null; then
  row "pidstat -r, every 1 s" 16 1 pidstat -r -h -p "$tree,$(pgrep -P "$tree" | paste -sd,)" 1 COUNT
else
  echo "pidstat: not installed (Debian's sysstat)"
fi
if command -v psrecord >/dev/null; then
  row "psrecord, every 100 ms" 110 10 psrecord "$tree" --include-children --interval 0.1 --duration SECONDS_ --log "$work/ps.log"
elif [ -n "$python" ]; then
  row "psutil, the loop of psrecord, every 100 ms" 30 3 "$python" "$work/loop.py" "$tree" COUNT 0.1 "$work/ps.log"
fi
if [ -n "$python" ]; then
  row "psutil, children and memory, every 100 ms" 30 3 "$python" "$work/bare.py" "$tree" COUNT 0.1
else
  echo "psutil: not installed (Debian's python3-psutil)"
fi

awk -v b="$row_bytes" 'BEGIN {printf "CSV of 24 h at 1 s: %.1f MB, %.0f bytes a row (at most 20 MB)\n", b * 86400 / 1e6, b}'
# Constant memory: the RSS of the monitor itself over 80 s at 10 ms; it levels off.
"$work/mcpdiag" -q monitor --pid "$tree" --interval 10ms -o "$work/fast.csv" >/dev/null 2>&1 & self=$!
printf 'RSS of mcpdiag at 10 ms:'
for _ in 1 2 3 4; do
  sleep 20
  printf ' %s MB at tick %d;' "$(awk '/^VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/$self/status")" "$(wc -l <"$work/fast.csv")"
done
echo
kill -INT "$self"; wait "$self" 2>/dev/null || true
