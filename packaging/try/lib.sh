# Functions of the scripts that try an installation: each prints a transcript
# from install to first diagnosis, and fails if that takes two minutes or more.
# MCPDIAG_BUILD names a folder for what they share: the binary and the extras.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT

skip() { echo "skipped: $1" && exit 0; }
need() { command -v "$1" >/dev/null || skip "$1 is missing${2:+: it comes with $2}"; }

# package builds the binary, and what packages contain besides it, into $root/build.
package() {
  cd "$root"
  mkdir -p build
  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o build/mcpdiag ./cmd/mcpdiag
  bash packaging/extras.sh build build/mcpdiag
}

# show prints a command and runs it.
show() {
  printf '$ %s\n' "$*"
  "$@"
}

begin() { started=$SECONDS; }

# finish wants the diagnosis in time.
finish() {
  local took=$((SECONDS - started))
  echo "-- $1: from install to first diagnosis in $took s"
  [ $took -lt 120 ] || { echo "that is two minutes or more" && exit 1; }
}

# diagnose starts a demo server and wants doctor to name its fault. "$@" runs mcpdiag.
diagnose() {
  local announced=$work/announced code=0
  "$@" demo --serve --listen 127.0.0.1:0 >"$work/demo.log" 2>&1 &
  pids+=($!)
  for _ in $(seq 100); do
    url=$(grep -o 'http://127.0.0.1:[0-9]*' "$work/demo.log" | head -n 1) && break
    sleep 0.1
  done
  show "$@" doctor "$url/MCP" --short || code=$?
  [ $code = 3 ] || { echo "exit code $code, want 3" && exit 1; }
}
