#!/usr/bin/env bash
# Makes what the packages contain besides the binary: manual pages, completions
# and certificate authorities. Usage: packaging/extras.sh FOLDER [MCPDIAG]
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
binary=${2:-}

rm -rf "$folder/man" "$folder/completions"
mkdir -p "$folder/man" "$folder/completions"
if [ -z "$binary" ]; then # go run would not know the version, which the manual pages name
  binary=$folder/mcpdiag
  CGO_ENABLED=0 go build -trimpath -o "$binary" ./cmd/mcpdiag
fi
"$binary" man --all "$folder/man"
gzip -9n "$folder"/man/*.1
for shell in bash zsh fish; do "$binary" completion $shell >"$folder/completions/mcpdiag.$shell"; done
cp /etc/ssl/certs/ca-certificates.crt "$folder/ca-certificates.crt"
