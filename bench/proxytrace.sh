#!/usr/bin/env bash
# proxytrace.sh FILE records a trace of mcpdiag's own proxy: a demo server under a load
# of 40 users, polled through the proxy every 5 ms for SECONDS_OF_LOAD (10).
set -euo pipefail
bin=${MCPDIAG:-bin/mcpdiag}
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; wait; rm -rf "$tmp"' EXIT
await() { until [ -s "$1" ]; do sleep 0.1; done; head -n 1 "$1"; }
"$bin" demo --serve --listen 127.0.0.1:0 --announce "$tmp/server" > /dev/null 2>&1 &
server=$(await "$tmp/server")
"$bin" proxy --to "$server" --pid "$(sed -n 2p "$tmp/server")" --listen 127.0.0.1:0 --announce "$tmp/proxy" > /dev/null 2>&1 &
proxy=$(await "$tmp/proxy")
"$bin" loadtest "$proxy" --users 40 --duration 1h --tool plan --tool search --protocol 2025-11-25 > /dev/null 2>&1 &
sleep 1
"$bin" poll "$proxy" --interval 5ms --duration "${SECONDS_OF_LOAD:-10}s" --quiet -o "$1" > /dev/null 2>&1
