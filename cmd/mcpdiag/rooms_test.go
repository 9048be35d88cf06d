package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mcpdiag/mcpdiag/"

// levels lists the packages from the lowest level up. A package imports only
// packages of lower levels, and the subpackages of its own parent.
var levels = [][]string{
	{"snapshot", "client", "mcp", "process", "trend", "finding", "stacks", "inspect", "logline", "promtext", "report", "yamlfile"},
	{"poll", "flame", "diff", "loadtest", "monitor", "proxy", "logs", "deps", "heap", "token", "demo", "bundle"},
	{"leaktest", "doctor", "tour"},
	{"schema"},
	{"assist"},
}

// levelOf returns the level of an import path of this module, -1 if it has none.
// cmd is above all others.
func levelOf(path string) int {
	if strings.HasPrefix(path, "cmd/") {
		return len(levels)
	}
	for i, names := range levels {
		if slices.Contains(names, parentOf(path)) {
			return i
		}
	}
	return -1
}

// parentOf returns the package below internal/ that path belongs to.
func parentOf(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "internal/"), "/")
	return name
}

// mayImport reports whether a package may import another one of this module.
// Level 0 imports nothing of ours but report; mcp also imports client, whose rules
// its exchanges follow. Go itself refuses cycles among the subpackages of one parent.
func mayImport(path, other string) bool {
	switch {
	case parentOf(path) == parentOf(other):
		return true
	case parentOf(path) == "mcp" && parentOf(other) == "client":
		return true
	case levelOf(path) == 0:
		return other == "internal/report" && path != other
	}
	return levelOf(other) < levelOf(path)
}

// only says who may import what. Tests may import the SDK.
var only = map[string]struct {
	rooms []string
	tests bool
}{
	"github.com/spf13/":                      {[]string{"cmd/mcpdiag"}, false},
	"github.com/fatih/color":                 {[]string{"internal/report"}, false},
	"github.com/shirou/gopsutil":             {[]string{"internal/process"}, false},
	"github.com/modelcontextprotocol/go-sdk": {[]string{"internal/demo", "internal/assist"}, true},
	"github.com/HdrHistogram/":               {[]string{"internal/loadtest", "internal/leaktest", "internal/logs", "internal/flame", "internal/trend"}, false},
	"github.com/coder/websocket":             {[]string{"internal/inspect"}, false},
	"github.com/mattn/go-runewidth":          {[]string{"internal/report"}, false},
	"github.com/gomodule/":                   {[]string{"internal/deps/redis"}, true},
	"github.com/aws/":                        {[]string{"internal/deps/s3"}, false},
	"github.com/rabbitmq/":                   {[]string{"internal/deps/rabbitmq"}, false},
	"github.com/jackc/":                      {[]string{"internal/deps/postgres"}, true},
	"github.com/rogpeppe/go-internal/":       {nil, true},
	"github.com/google/go-cmp/":              {nil, true},
}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// The house stands: see the rooms and their levels above.
func TestRooms(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	rooms := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; rooms++ {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		room := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(room, "bench/") {
			continue
		}
		if levelOf(room) < 0 {
			t.Errorf("%s has no level", room)
		}
		checkRoom(t, room, p.Imports, false)
		checkRoom(t, room, slices.Concat(p.TestImports, p.XTestImports), true)
	}
	if rooms < 10 {
		t.Errorf("only %d packages were looked at", rooms)
	}
}

func checkRoom(t *testing.T, room string, imports []string, test bool) {
	t.Helper()
	for _, path := range imports {
		if other, ours := strings.CutPrefix(path, module); ours && !test && !mayImport(room, other) {
			t.Errorf("%s, on level %d, imports %s, on level %d", room, levelOf(room), other, levelOf(other))
		}
		for prefix, may := range only {
			allowed := slices.Contains(may.rooms, room) || slices.Contains(may.rooms, "internal/"+parentOf(room)) || test && may.tests
			if strings.HasPrefix(path, prefix) && !allowed {
				t.Errorf("%s imports %s", room, path)
			}
		}
	}
}
