#!/usr/bin/env bash
# Precision and recall of the rules in use on the
# recorded series of testdata/memory (27 runs of real servers, 9 leak), and the
# smallest leak that a run finds at 90 % power, in the noise of Go and of Node.
set -euo pipefail
go test ./internal/trend -run '^$' -bench 'Detectors|Power' -benchtime 1x |
  awk '/^Benchmark/ { name = $1; sub(/^Benchmark/, "", name); sub(/-[0-9]+$/, "", name)
         line = sprintf("%-44s", name)
         for (i = 5; i < NF; i += 2) line = line sprintf("  %s %s", $i, $(i + 1))
         print line }'
