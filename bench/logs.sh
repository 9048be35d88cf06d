#!/usr/bin/env bash
# logs against jq: all reports of mcpdiag in one pass, against the five pipelines of
# a troubleshooting guide, and against one pass of jq. CPU seconds, same input.
set -euo pipefail
command -v jq >/dev/null || { echo 'skipped: jq is missing'; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go run ./bench/genlog "${LINES_OF_LOG:-600000}" >"$work/server.log"
size=$(wc -c <"$work/server.log")

cpu() { # the CPU seconds of a command
  local TIMEFORMAT='%U %S'
  { time "$@" >/dev/null 2>&1 || true; } 2>&1 | awk '{print $1 + $2}'
}
pipelines() {
  jq -r 'select(.event == "authentication_failed") | [.timestamp, .user_id, .reason] | @tsv' "$1" | sort | uniq -c | sort -rn
  jq -r 'select(.duration_ms > 1000) | [.endpoint, .duration_ms, .timestamp] | @tsv' "$1" | sort -t$'\t' -k2 -rn | head -20
  jq -r 'select(.level == "error") | .endpoint' "$1" | sort | uniq -c | sort -rn
  jq -r 'select(.error_type == "database_error") | [.timestamp, .query, .error_message] | @tsv' "$1"
  jq -r 'select(.event == "rate_limit_exceeded") | [.user_id, .endpoint, .timestamp] | @tsv' "$1" | awk '{print $1}' | sort | uniq -c | sort -rn
}
ours=$(cpu ./bin/mcpdiag logs "$work/server.log" --tz UTC)
one=$(cpu jq -r 'select(.duration_ms > 1000) | [.endpoint, .duration_ms, .timestamp] | @tsv' "$work/server.log")
five=$(cpu pipelines "$work/server.log")
sed 's/.*/&/; s/\\/\\\\/g; s/"/\\"/g; s/.*/{"log":"&\\n","stream":"stdout","time":"2026-11-25T09:00:47.335051861Z"}/' "$work/server.log" >"$work/docker.log"
docker=$(cpu ./bin/mcpdiag logs "$work/docker.log" --tz UTC)
awk -v s="$size" -v d="$(wc -c <"$work/docker.log")" -v o="$ours" -v j="$one" -v f="$five" -v k="$docker" 'BEGIN {
  printf "JSON, %.0f MB: %.2f CPU s, %.0f MB a CPU second\n", s/1e6, o, s/1e6/o
  printf "docker, %.0f MB: %.2f CPU s, %.0f MB a CPU second\n", d/1e6, k, d/1e6/k
  printf "jq, one pass: %.2f CPU s, %.1f times ours (aim: 4)\n", j, j/o
  printf "jq, the five pipelines: %.2f CPU s, %.1f times ours (aim: 20)\n", f, f/o
}'
