#!/usr/bin/env bash
# Cost of mcpdiag's proxy: the same calls to one server alone, through Go's
# httputil.ReverseProxy with a buffer pool, through nginx if it is installed, and
# through the proxy, by turns, in one run; figures are medians of the rounds. Latency
# is measured with one user (no call waits for another) and with many (all processors
# are busy, so that CPU time adds to latency). CPU is that of the proxy's process per
# call. The aim is at most 1.2 times ReverseProxy's CPU and added latency.
# Then the memory of the proxy with 10,000 open sessions: with their clients gone,
# with idle connections of their clients, and with a stream each.
#   CALLS=10000 USERS=20 ROUNDS=5 SESSIONS=10000 bench/proxy.sh
set -euo pipefail
cd "$(dirname "$0")/.."
calls=${CALLS:-10000} users=${USERS:-20} rounds=${ROUNDS:-5} sessions=${SESSIONS:-10000}
files=$(ulimit -Hn)
if [ "$files" != unlimited ] && [ $((2 * sessions + 100)) -gt "$files" ]; then
  sessions=$((files / 2 - 50))
  echo "at most $files files may be open: a stream takes two, so there are $sessions sessions"
fi
tmp=$(mktemp -d)
pids=()
cleanup() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$tmp"; }
trap cleanup EXIT
go build -o "$tmp/mcpdiag" ./cmd/mcpdiag
go build -o "$tmp/reverseproxy" ./bench/reverseproxy
mcpdiag=$tmp/mcpdiag

announced() { # the URL in an announcement, once it is there
  for _ in $(seq 200); do [ -s "$1" ] && { head -1 "$1"; return; }; sleep 0.05; done
  return 1
}
cpu() { # hundredths of a second that a process and its children have used
  local sum=0 pid
  for pid in "$1" $(cat "/proc/$1/task/$1/children"); do
    sum=$((sum + $(awk '{print $14 + $15}' "/proc/$pid/stat")))
  done
  echo "$sum"
}
port=$((20000 + RANDOM % 20000))

"$mcpdiag" demo --serve --json --session-timeout 1h --listen 127.0.0.1:0 --announce "$tmp/server" -q & pids+=($!)
server=$(announced "$tmp/server")
declare -A url process
url[alone]=$server process[alone]=${pids[0]}
"$tmp/reverseproxy" "127.0.0.1:$port" "$server" & pids+=($!)
url[ReverseProxy]=http://127.0.0.1:$port process[ReverseProxy]=$!
"$mcpdiag" proxy --to "$server" --listen 127.0.0.1:0 --announce "$tmp/proxy" -q & pids+=($!)
process[mcpdiag]=$!
url[mcpdiag]=$(announced "$tmp/proxy")
names=(alone ReverseProxy mcpdiag)
if command -v nginx >/dev/null; then
  cat > "$tmp/nginx.conf" <<CONF
daemon off; worker_processes 2; pid $tmp/nginx.pid; error_log $tmp/nginx.log;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path $tmp/1; proxy_temp_path $tmp/2; fastcgi_temp_path $tmp/3; uwsgi_temp_path $tmp/4; scgi_temp_path $tmp/5;
  upstream mcp { server ${server#http://}; keepalive 256; }
  server { listen 127.0.0.1:$((port + 1)); keepalive_requests 1000000;
    location / { proxy_pass http://mcp; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host localhost; proxy_buffering off; } }
}
CONF
  nginx -c "$tmp/nginx.conf" -e "$tmp/nginx.log" & pids+=($!)
  url[nginx]=http://127.0.0.1:$((port + 1)) process[nginx]=$!
  names+=(nginx)
else
  echo 'nginx is missing: not compared'
fi
sleep 0.5

load() { # NAME PROTOCOL USERS CALLS: one load of one of them, as a line of $tmp/runs: name, users, µs of CPU a call, calls a second, p50, p99 (ms)
  local before after
  before=$(cpu "${process[$1]}")
  "$mcpdiag" loadtest "${url[$1]}" --users "$3" --calls $(($4 / $3)) --tool echo --args '{"text":"hello"}' \
    --protocol "$2" --format json -q -o "$tmp/result.json"
  after=$(cpu "${process[$1]}")
  # The first p50 and p99 are those of the whole call.
  echo "$1 $3 $(((after - before) * 10000 / $4)) $(grep -oE '"(callsPerSecond|p50|p99)": *[0-9.]+' "$tmp/result.json" | head -3 | sed 's/.*: *//' | tr '\n' ' ')" >> "$tmp/runs"
}

median() { # NAME USERS COLUMN: over the rounds
  awk -v name="$1" -v users="$2" -v column="$3" '$1 == name && $2 == users { print $column }' "$tmp/runs" |
    sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'
}

compare() { # USERS: the medians of each, what it adds to the server alone, and the ratios that count
  local name users=$1
  printf '%s user(s):        calls/s   of alone    p50 ms   added    p99 ms   added    CPU µs a call\n' "$users"
  for name in "${names[@]}"; do
    echo "$name $(median "$name" "$users" 4) $(median "$name" "$users" 5) $(median "$name" "$users" 6) $(median "$name" "$users" 3)"
  done | tee "$tmp/medians" | awk '
    $1 == "alone" { rate = $2; p50 = $3; p99 = $4; $5 = "-" }
    { printf "  %-14s %10.0f %10.2f %9.2f %+7.2f %9.2f %+7.2f %16s\n", $1, $2, $2 / rate, $3, $3 - p50, $4, $4 - p99, $5 }'
  awk '
    function ratio(a, b) { return a > 0 && b > 0 ? sprintf("%.2f", a / b) : "-" }
    { rate[$1] = $2; p50[$1] = $3; p99[$1] = $4; cpu[$1] = $5 }
    $1 != "mcpdiag" && $1 != "alone" { peers[++n] = $1 }
    END { for (i = 1; i <= n; i++) { peer = peers[i]
      printf "  mcpdiag / %-12s  throughput %s, added p50 %s, added p99 %s, CPU a call %s%s\n", peer, ratio(rate["mcpdiag"], rate[peer]),
        ratio(p50["mcpdiag"] - p50["alone"], p50[peer] - p50["alone"]), ratio(p99["mcpdiag"] - p99["alone"], p99[peer] - p99["alone"]),
        ratio(cpu["mcpdiag"], cpu[peer]), peer == "ReverseProxy" ? " (at most 1.2)" : "" } }' "$tmp/medians"
}

for protocol in 2025-11-25 2026-07-28; do
  for name in "${names[@]}"; do load "$name" "$protocol" "$users" 2000; done # warm
  : > "$tmp/runs"
  for _ in $(seq "$rounds"); do
    for name in "${names[@]}"; do
      load "$name" "$protocol" 1 $((calls / 5))
      load "$name" "$protocol" "$users" "$calls"
    done
  done
  printf '%s, medians of %s rounds\n' "-- $protocol" "$rounds"
  compare 1
  compare "$users"
done

echo "-- memory with $sessions sessions open, in MB (streams: under 400): when all are open, 15 s later, and the peak"
go build -o "$tmp/sessions" ./bench/sessions
memory() { awk -v key="$2:" '$1 == key { printf "%.0f", $2 / 1024 }' "/proc/$1/status"; }
for kind in gone idle stream; do
  "$mcpdiag" proxy --to "$server" --listen 127.0.0.1:0 --announce "$tmp/proxy.$kind" -q & pids+=($!)
  pid=$!
  "$tmp/sessions" "$(announced "$tmp/proxy.$kind")" "$sessions" "$kind" > "$tmp/open.$kind" & pids+=($!)
  for _ in $(seq 1200); do grep -q open "$tmp/open.$kind" 2>/dev/null && break; sleep 0.1; done
  now=$(memory "$pid" VmRSS)
  sleep 15 # free memory goes back to the system meanwhile
  printf '  clients %-7s %4s %4s %4s\n' "$kind" "$now" "$(memory "$pid" VmRSS)" "$(memory "$pid" VmHWM)"
  kill "$!" "$pid"; wait "$!" "$pid" 2>/dev/null || true
done
