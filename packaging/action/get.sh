#!/usr/bin/env bash
# Step "Get mcpdiag" of action.yml: the binary of the release for this system,
# checked against the checksums of the release, or the one that is named.
set -euo pipefail

if [ -n "${MCPDIAG_ACTION_BINARY:-}" ]; then
  "$MCPDIAG_ACTION_BINARY" version
  echo "binary=$MCPDIAG_ACTION_BINARY" >>"$GITHUB_OUTPUT"
  exit
fi

case "${RUNNER_OS:-$(uname -s)}" in
  Linux) os=linux ;;
  macOS | Darwin) os=darwin ;;
  Windows*) os=windows ;;
  *) echo "::error::mcpdiag has no release for ${RUNNER_OS:-this system}" && exit 1 ;;
esac
case "${RUNNER_ARCH:-$(uname -m)}" in
  X64 | x86_64) arch=amd64 ;;
  ARM64 | aarch64 | arm64) arch=arm64 ;;
  *) echo "::error::mcpdiag has no release for ${RUNNER_ARCH:-this processor}" && exit 1 ;;
esac

releases=https://github.com/mcpdiag/mcpdiag/releases
base=$releases/download/${MCPDIAG_ACTION_VERSION:-latest}
[ "${MCPDIAG_ACTION_VERSION:-latest}" = latest ] && base=$releases/latest/download
folder=$(mktemp -d)
cd "$folder"
archive=mcpdiag_${os}_$arch.tar.gz
[ $os = windows ] && archive=mcpdiag_${os}_$arch.zip
for file in "$archive" checksums.txt; do
  curl --fail --silent --show-error --location --retry 3 --output "$file" "$base/$file" ||
    { echo "::error::$base/$file cannot be had; is $MCPDIAG_ACTION_VERSION a version of mcpdiag?" && exit 1; }
done
grep "[ *]$archive\$" checksums.txt >wanted || { echo "::error::checksums.txt does not name $archive" && exit 1; }
if command -v sha256sum >/dev/null; then sha256sum --check --quiet wanted; else shasum -a 256 --check --quiet wanted; fi
case $archive in
  *.zip) unzip -q "$archive" ;;
  *) tar xzf "$archive" ;;
esac
binary=$folder/mcpdiag
[ $os = windows ] && binary+=.exe
"$binary" version
echo "binary=$binary" >>"$GITHUB_OUTPUT"
