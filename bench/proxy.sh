#!/usr/bin/env bash
# What mcpdiag's proxy costs: the same calls to one server alone, through Go's
# httputil.ReverseProxy, through nginx where there is one, and through the proxy,
# by turns, in one run. CPU is that of the process in between, for each call.
#   CALLS=20000 USERS=20 ROUNDS=3 bench/proxy.sh
set -euo pipefail
cd "$(dirname "$0")/.."
calls=${CALLS:-20000} users=${USERS:-20} rounds=${ROUNDS:-3}
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

run() { # one load of one of them: p50, p99, calls a second, µs of CPU a call
  local before after
  before=$(cpu "${process[$1]}")
  "$mcpdiag" loadtest "${url[$1]}" --users "$users" --calls $((calls / users)) --tool echo --args '{"text":"hello"}' \
    --protocol "$2" --format json -q -o "$tmp/result.json"
  after=$(cpu "${process[$1]}")
  local figures
  figures=$(grep -oE '"(callsPerSecond|p50|p99)": *[0-9.]+' "$tmp/result.json" | head -3 | tr -d '"' | sed 's/: */ /; s/\(\.[0-9]\)[0-9]*/\1/' | tr '\n' ' ')
  echo "$1 $2 cpu=$(( (after - before) * 10000 / calls )) $figures" >> "$tmp/runs"
  printf '%-13s %-11s CPU %3d µs a call  %s\n' "$1" "$2" $(( (after - before) * 10000 / calls )) "$figures"
}
for protocol in 2025-11-25 2026-07-28; do
  for name in "${names[@]}"; do CALLS=2000 run "$name" "$protocol" >/dev/null; done # warm
  : > "$tmp/runs"
  for _ in $(seq "$rounds"); do for name in "${names[@]}"; do run "$name" "$protocol"; done; done
  awk -v p="$protocol" '{ split($3, c, "="); sum[$1] += c[2] } END {
    printf "%s: CPU a call, mcpdiag/ReverseProxy %.2f", p, sum["mcpdiag"] / sum["ReverseProxy"]
    if (sum["nginx"]) printf ", mcpdiag/nginx %.2f", sum["mcpdiag"] / sum["nginx"]
    print "" }' "$tmp/runs"
done

echo
go build -o "$tmp/sessions" ./bench/sessions
for kind in gone idle stream; do
  "$mcpdiag" proxy --to "$server" --listen 127.0.0.1:0 --announce "$tmp/proxy.$kind" -q & pids+=($!)
  pid=$!
  "$tmp/sessions" "$(announced "$tmp/proxy.$kind")" "${SESSIONS:-10000}" "$kind" > "$tmp/open.$kind" & pids+=($!)
  for _ in $(seq 1200); do grep -q open "$tmp/open.$kind" 2>/dev/null && break; sleep 0.1; done
  sleep 12 # idle memory goes back every 5 s
  printf '%s open sessions, clients %s: %s\n' "${SESSIONS:-10000}" "$kind" \
    "$(awk '/VmRSS/ { printf "RSS %.0f MB", $2 / 1024 }' "/proc/$pid/status")"
  kill "$!" "$pid"; wait "$!" "$pid" 2>/dev/null || true
done
