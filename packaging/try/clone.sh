#!/usr/bin/env bash
# A clone with nothing but Go: one command builds, the next one diagnoses.
. "$(dirname "$0")/lib.sh"
need go
need git
git clone --quiet --depth 1 "file://$root" "$work/mcpdiag"
cd "$work/mcpdiag"
go mod download
export GOFLAGS=-buildvcs=auto # whatever the settings of this machine: version names the commit
begin
show env CGO_ENABLED=0 go build -o bin/mcpdiag ./cmd/mcpdiag
diagnose bin/mcpdiag
bin/mcpdiag version | grep -q '^commit ' || { echo 'version does not name the commit' && exit 1; }
finish clone
