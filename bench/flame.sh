#!/usr/bin/env bash
# Flame graphs, as ratios against flamegraph.pl and against a jq filter that does the
# same, on the same input in the same run.
#
#   FLAME_STACKS=100000 FLAME_MORE=1000000 FLAME_MEGABYTES=400 bench/flame.sh
#
# It needs python3 for the inputs. flamegraph.pl (libdevel-nytprof-perl in Debian),
# jq and chromium are skipped if they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${MCPDIAG:-bin/mcpdiag}
pl=${FLAMEGRAPH_PL:-$(command -v flamegraph.pl || echo /usr/share/perl5/Devel/NYTProf/flamegraph.pl)}
stacks=${FLAME_STACKS:-100000} more=${FLAME_MORE:-1000000} megabytes=${FLAME_MEGABYTES:-400}
rounds=${FLAME_ROUNDS:-5}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

measure() { python3 bench/measure.py "$rounds" "$@"; }
row() { printf '%-34s %9s s %9s KiB %9s s of CPU\n' "$@"; }
ratio() { python3 -c "print(f'{$1/$2:.1f}')"; }

python3 testdata/bench/gen_folded.py --stacks "$stacks" --shape shared > "$tmp/few"
echo "folded → svg, $stacks stacks, $(du -m "$tmp/few" | cut -f1) MB"
read -r t1 m1 c1 < <(measure "$bin" flame "$tmp/few" -o "$tmp/out.svg"); row mcpdiag "$t1" "$m1" "$c1"
if [ -e "$pl" ] && command -v perl > /dev/null; then
  read -r t2 m2 c2 < <(rounds=2; measure perl "$pl" "$tmp/few"); row flamegraph.pl "$t2" "$m2" "$c2"
  echo "flamegraph.pl takes $(ratio "$c2" "$c1") times the CPU (bound: 12), $(ratio "$t2" "$t1") times as long"
  perl "$pl" "$tmp/few" > "$tmp/pl.svg" 2> /dev/null
  echo "the picture has $(ratio "$(stat -c %s "$tmp/out.svg")" "$(stat -c %s "$tmp/pl.svg")") times the bytes of flamegraph.pl's (bound: 2)"
else
  echo "flamegraph.pl is not installed"
fi

python3 testdata/bench/gen_folded.py --stacks "$more" --shape shared > "$tmp/many"
read -r t3 m3 c3 < <(rounds=2; measure "$bin" flame "$tmp/many" -o "$tmp/out.svg"); row "mcpdiag, $more stacks" "$t3" "$m3" "$c3"
grown=$(ratio "$(stat -c %s "$tmp/many")" "$(stat -c %s "$tmp/few")")
echo "input $grown times as large: time $(ratio "$t3" "$t1"), CPU $(ratio "$c3" "$c1"), memory $(ratio "$m3" "$m1") times (aim: no more)"
rm "$tmp/many" "$tmp/few"

python3 testdata/bench/gen_trace.py --megabytes "$megabytes" > "$tmp/trace"
python3 testdata/bench/gen_trace.py --megabytes 40 > "$tmp/short"
echo "trace → folded, $megabytes MB"
read -r t4 m4 c4 < <(measure "$bin" flame "$tmp/trace" --format folded); row "mcpdiag, $megabytes MB" "$t4" "$m4" "$c4"
read -r t5 m5 c5 < <(measure "$bin" flame "$tmp/short" --format folded); row "mcpdiag, 40 MB" "$t5" "$m5" "$c5"
if command -v jq > /dev/null; then
  filter='.toolCallStack[] | .name + " " + (.durationMs | tostring)'
  read -r t6 m6 c6 < <(rounds=1; measure jq "$filter" "$tmp/trace"); row "jq, $megabytes MB" "$t6" "$m6" "$c6"
  echo "mcpdiag has $(ratio "$t6" "$t4") times the throughput of jq (aim: 10)"
else
  echo "jq is not installed"
fi

bench/proxytrace.sh "$tmp/proxy"
echo "a proxy's trace → folded, $(du -m "$tmp/proxy" | cut -f1) MB"
read -r t7 m7 c7 < <(measure "$bin" flame "$tmp/proxy" --format folded); row mcpdiag "$t7" "$m7" "$c7"
if command -v jq > /dev/null; then
  read -r t8 m8 c8 < <(rounds=2; measure jq "$filter" "$tmp/proxy"); row jq "$t8" "$m8" "$c8"
  echo "jq takes $(ratio "$c8" "$c7") times the CPU (aim: 10)"
fi

echo "in the browser"
go test ./internal/flame -run 'TestBrowser' -count=1 -v | grep -E 'frames: load|SKIP|no Chromium|FAIL' || true
