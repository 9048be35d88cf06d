#!/usr/bin/env bash
# Draws the pictures of README.md and docs/flame.md again, each for light and dark
# pages. Usage: docs/pictures.sh [MCPDIAG]
set -euo pipefail
docs=$(cd "$(dirname "$0")" && pwd)
mcpdiag=${1:-mcpdiag}
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"

# theme writes a picture that is light, or dark, whatever the system prefers: a code
# host chooses by <picture>.
theme() { # dark or light, from, to
  local media='not all'
  [ "$1" = dark ] && media=all
  sed "s/@media (prefers-color-scheme: *dark)/@media $media/" "$2" >"$3"
}

"$mcpdiag" demo --serve --listen 127.0.0.1:0 --announce server.txt 2>/dev/null &
server=$!
until [ -s server.txt ]; do sleep 0.1; done
url=$(head -n 1 server.txt)
"$mcpdiag" -q loadtest "$url" --users 8 --calls 12 --tool plan --tool search --tool generate -o load.txt &
"$mcpdiag" -q poll "$url" --interval 50ms --duration 4s >/dev/null
wait %2 || true
"$mcpdiag" flame mcpdiag-trace.ndjson --title 'Time in the tool calls of a server' -o flame.svg
"$mcpdiag" -q leaktest -o leak --delay 2s --hold 20s --factors everyday --users 8 --calls 10 --rounds 14 \
  -- "$mcpdiag" demo --serve --leak-call 64KB --listen '127.0.0.1:{port}' || [ $? = 3 ]

for name in flame leak/memory; do
  theme light $name.svg "$docs/$(basename ${name/leak\/memory/leak}).svg"
  theme dark $name.svg "$docs/$(basename ${name/leak\/memory/leak})-dark.svg"
done
