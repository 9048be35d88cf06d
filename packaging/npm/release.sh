#!/usr/bin/env bash
# Publishes the npm packages of a release: the binaries are those of its archives.
# Usage: packaging/npm/release.sh v1.2.3
set -euo pipefail
tag=$1
here=$(cd "$(dirname "$0")" && pwd)
cd "$(mktemp -d)"
gh release download "$tag" --repo mcpdiag/mcpdiag --pattern 'mcpdiag_*.tar.gz' --pattern 'mcpdiag_*.zip' --pattern checksums.txt
sha256sum --check --ignore-missing --strict checksums.txt

binaries=()
for pair in linux_amd64=linux-x64 linux_arm64=linux-arm64 darwin_amd64=darwin-x64 darwin_arm64=darwin-arm64 windows_amd64=win32-x64 windows_arm64=win32-arm64; do
  archive=mcpdiag_${pair%=*} system=${pair#*=} program=mcpdiag
  mkdir "$system"
  if [ -f "$archive.zip" ]; then
    unzip -q "$archive.zip" -d "$system" && program=mcpdiag.exe
  else
    tar xzf "$archive.tar.gz" -C "$system"
  fi
  binaries+=("$system=$system/$program")
done
node "$here/build.mjs" "${tag#v}" npm "${binaries[@]}"
for package in npm/*-* npm/mcpdiag; do npm publish --access public --provenance "./$package"; done
