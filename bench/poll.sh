#!/usr/bin/env bash
# The schedule of poll: the worst tick over 60 s at 100 ms, and 500 targets at 1 s.
set -euo pipefail
go test ./internal/poll -run '^$' -bench 'Schedule|Targets' -benchtime 1x
