#!/usr/bin/env bash
# Installs the servers that are known to leak, and the versions that mend them:
# from the npm registry into node_modules, from the Go module proxy into bin.
set -euo pipefail
cd "$(dirname "$0")"
# What is there already stays: servers may run from it.
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --ignore-scripts --silent
mkdir -p bin
build() { # directory version
  (cd "$1" && CGO_ENABLED=0 go build -modfile="$2.mod" -o "../bin/$1-$2" .)
}
build gosdk v1.7.0
build gosdk v1.8.0
build mcpgo v0.43.2
build mcpgo v0.44.1
