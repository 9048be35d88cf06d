#!/usr/bin/env bash
# heap against npm's memlab on the same snapshots: three of 20 to 25 MB of a process
# that keeps sessions. memlab find-leaks reads all three; mcpdiag the first and the last,
# as a user would, and then all three in two pairs. Both make dominators. Then two
# snapshots of 200 MB.
#
#   HEAP_SESSIONS=12000 HEAP_MORE=140000 bench/heap.sh
#
# It needs python3, node and npm; memlab is installed from the npm registry.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in python3 node npm; do
  command -v "$program" >/dev/null || { echo "skipped: $program is missing"; exit 0; }
done
bin=${MCPDIAG:-bin/mcpdiag}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
measure() { python3 bench/measure.py "$@"; }
row() { printf '%-46s %6.2f s of CPU %5d MB\n' "$1" "$4" "$(($3 / 1024))"; }
ratio() { python3 -c "print(f'{$1/$2:.1f}')"; }
against() { # NAME BOUND WALL MEMORY CPU
  row "$1" "${@:3}"
  echo "  memlab takes $(ratio "$c0" "$5") times the CPU, $(ratio "$m0" "$4") times the memory (bound: $2)"
}

node --expose-gc bench/heap/leak.js "$work" "${HEAP_SESSIONS:-12000}"
echo "$(du -m "$work"/{one,two,three}.heapsnapshot | cut -f1 | paste -sd' ') MB"
(cd bench/heap && PUPPETEER_SKIP_DOWNLOAD=1 npm install --no-package-lock --no-audit --no-fund --ignore-scripts --silent)
memlab=(node --expose-gc --max-old-space-size=4096 bench/heap/node_modules/@memlab/cli/bin/memlab.js) # as its first line says
one=$work/one.heapsnapshot two=$work/two.heapsnapshot three=$work/three.heapsnapshot
read -r t0 m0 c0 < <(measure 2 "${memlab[@]}" find-leaks --baseline "$one" --target "$two" --final "$three" --work-dir "$work/memlab")
row 'memlab find-leaks, three snapshots' "$t0" "$m0" "$c0"
against 'mcpdiag heap A C --ops' 5 $(measure 5 "$bin" heap "$one" "$three" --ops 4000)
against 'mcpdiag heap A B, then B C' 3 $(measure 5 bash -c '"$0" heap "$1" "$2" --ops 2000; "$0" heap "$2" "$3" --ops 2000' "$bin" "$one" "$two" "$three")

node --expose-gc bench/heap/leak.js "$work" "${HEAP_MORE:-140000}"
read -r t m c < <(measure 2 "$bin" heap "$one" "$two" --ops 2000)
row "mcpdiag, two of $(du -m "$one" | cut -f1) MB" "$t" "$m" "$c"
echo "  $(ratio "$c" 2) s a snapshot (bound: 5), $(ratio "$m" 1024) MB (bound: 300)"
