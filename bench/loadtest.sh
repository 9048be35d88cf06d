#!/usr/bin/env bash
# What loadtest costs, as ratios against wrk, k6 and a plain generator on net/http in
# the same run: CPU of the generator, memory, what a server gets done, and the p99 that
# it shows. wrk is Debian's; k6 is bin/k6 (make bin/k6) or on the PATH. A peer that is
# missing is left out.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
go build -o "$work/mcpdiag" ./cmd/mcpdiag
go build -o "$work/instant" ./bench/instant
go build -o "$work/nethttp" ./bench/nethttp
k6=$(ls bin/k6 2>/dev/null || command -v k6 || true)
wrk=$(command -v wrk || true)
rounds=${ROUNDS:-10} repeat=${REPEAT:-5}
calls=$((40 * 250 * rounds))
TIMEFORMAT='%U %S'

# cpu N command…: CPU seconds a 1,000 of N calls; N is "wrk" where wrk counts them itself.
cpu() {
  local n=$1; shift
  { time "$@" >"$work/out" 2>"$work/err"; } 2>"$work/time" || { cat "$work/err" >&2; return 1; }
  [ "$n" = wrk ] && n=$(awk '/requests in/ {print $1}' "$work/out")
  tail -1 "$work/time" | awk -v n="$n" '{printf "%.5f\n", ($1 + $2) / n * 1000}'
}
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }
url() { for _ in $(seq 100); do [ -s "$1" ] && break; sleep 0.05; done; head -1 "$1"; }

echo "-- CPU of the generator, in seconds a 1,000 calls: 40 users, whole lifecycle, a core each; median of $repeat"
taskset -c 0 "$work/instant" -announce "$work/instant.url" & server=$!
target=$(url "$work/instant.url")
ours() { taskset -c 1 "$work/mcpdiag" loadtest "$target" --users 40 --calls 250 --rounds "$rounds" --delay 0 --tool echo --args '{"text":"hi"}' --protocol 2025-11-25 --format json; }
for _ in $(seq "$repeat"); do
  cpu "$calls" ours >>"$work/ours"
  grep -q '"failed": 0,' "$work/out" || { echo "calls failed"; exit 1; }
  [ -z "$wrk" ] || cpu wrk taskset -c 1 "$wrk" -t1 -c40 -d3s -s bench/loadtest/wrk.lua "$target" >>"$work/wrk"
done
a=$(median <"$work/ours")
echo "mcpdiag $a"
if [ -n "$wrk" ]; then b=$(median <"$work/wrk"); echo "wrk     $b   mcpdiag is $(ratio "$a" "$b") times that (at most 1.5)"; fi
if [ -n "$k6" ]; then
  cat >"$work/plan.yaml" <<PLAN
url: $target
protocol: "2025-11-25"
stages: [{users: 40, calls: 250}]
rounds: 2
steps: [{tool: echo, args: {text: hi}}]
PLAN
  "$work/mcpdiag" loadtest export k6 "$work/plan.yaml" >"$work/plan.js"
  for _ in $(seq 3); do
    cpu 20000 taskset -c 1 "$k6" run --quiet --no-usage-report "$work/plan.js" >>"$work/k6"
    cpu 20000 env ROUNDS=2 URL="$target" taskset -c 1 "$k6" run --quiet --no-usage-report bench/loadtest/bare.js >>"$work/bare"
  done
  c=$(median <"$work/k6")
  echo "k6      $c   $(ratio "$c" "$a") times mcpdiag (at least 8): the same plan, exported, with its checks"
  c=$(median <"$work/bare")
  echo "k6      $c   $(ratio "$c" "$a") times mcpdiag: a bare loop that checks nothing but isError"
fi

echo "-- memory with 2,000 users, 100 calls each; then with the GET stream that each client holds open"
many() { # name, limit in MB, more arguments
  name=$1 limit=$2; shift 2
  "$work/mcpdiag" loadtest "$target" "$@" --users 2000 --calls 100 --tool echo --args '{"text":"hi"}' --protocol 2025-11-25 --format json >"$work/many" & load=$!
  peak=0
  while [ -r "/proc/$load/status" ] && m=$(awk '/VmHWM/ {print $2}' "/proc/$load/status") && [ -n "$m" ]; do peak=$m; sleep 0.1; done
  wait "$load"
  echo "$name peak RSS $((peak / 1024)) MB (at most $limit); calls $(awk '/"calls":/ {gsub(/[^0-9]/, ""); print; exit}' "$work/many"), of a user $(grep -A3 '"userCalls"' "$work/many" | tr -d ' \n')"
}
echo 'stream: false' >"$work/nostream.yaml"
many "without streams:" 130 --plan "$work/nostream.yaml"
many "with streams:" 250
kill "$server"

echo "-- against a real Go SDK server, nothing pinned: 40 users, sessions; medians of $repeat, one after the other"
"$work/mcpdiag" demo --serve --json --listen 127.0.0.1:0 --announce "$work/demo.url" 2>/dev/null &
target=$(url "$work/demo.url")/mcp
session=$("$work/nethttp" -session "$target")
for _ in $(seq "$repeat"); do
  "$work/mcpdiag" loadtest "$target" --users 40 --duration 4s --tool echo --args '{"text":"hi"}' --protocol 2025-11-25 --format json >"$work/out"
  awk -F'[: ,]+' '/"callsPerSecond"/ {print $3; exit}' "$work/out" >>"$work/rate"
  awk -F'[: ,]+' '/"latencyMs"/ {here = 1} here && /"p99"/ {print $3; exit}' "$work/out" >>"$work/p99"
  "$work/nethttp" -users 40 -duration 4s "$target" >"$work/out"
  awk '{print $1}' "$work/out" >>"$work/netrate"
  awk '{print $4}' "$work/out" >>"$work/netp99"
  [ -z "$wrk" ] || IDS=1 SESSION=$session "$wrk" -t2 -c40 -d4s -s bench/loadtest/wrk.lua "$target" |
    awk '/Requests\/sec/ {print $2} /Non-2xx/ {print "wrk: " $0 >"/dev/stderr"}' >>"$work/wrkrate"
done
a=$(median <"$work/rate") b=$(median <"$work/netrate")
[ -z "$wrk" ] || echo "calls a second: mcpdiag $a, wrk $(median <"$work/wrkrate"): $(ratio "$a" "$(median <"$work/wrkrate")") of it (at least 0.95)"
echo "calls a second: mcpdiag $a, net/http $b: $(ratio "$a" "$b") times that"
a=$(median <"$work/p99") b=$(median <"$work/netp99")
echo "p99 in ms: mcpdiag $a, net/http $b: $(ratio "$a" "$b") of it (at most 1)"
