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

// level is how high a room stands: it imports only lower ones.
var level = map[string]int{
	"internal/snapshot": 0, "internal/client": 0, "internal/mcp": 0, "internal/process": 0, "internal/process/processtest": 0, "internal/trend": 0, "internal/report": 0,
	"internal/poll": 1, "internal/flame": 1, "internal/diff": 1, "internal/loadtest": 1, "internal/monitor": 1, "internal/proxy": 1, "internal/demo": 1,
	"internal/leaktest": 2, "cmd/mcpdiag": 3,
}

// only says who may import what. Tests may import the SDK.
var only = map[string]struct {
	rooms []string
	tests bool
}{
	"github.com/spf13/":                      {[]string{"cmd/mcpdiag"}, false},
	"github.com/fatih/color":                 {[]string{"internal/report"}, false},
	"github.com/shirou/gopsutil":             {[]string{"internal/process"}, false},
	"github.com/modelcontextprotocol/go-sdk": {[]string{"internal/demo"}, true},
	"github.com/HdrHistogram/":               {[]string{"internal/loadtest"}, false},
	"github.com/mattn/go-runewidth":          {[]string{"internal/report"}, false},
	"github.com/rogpeppe/go-internal/":       {nil, true},
	"github.com/google/go-cmp/":              {nil, true},
}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// The house stands: see the rooms and their levels above.
func TestRooms(t *testing.T) {
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
		if _, ok := level[room]; !ok {
			t.Errorf("%s has no place in the house", room)
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
		if other, ours := strings.CutPrefix(path, module); ours && !test && level[other] >= level[room] {
			t.Errorf("%s, on level %d, imports %s, on level %d", room, level[room], other, level[other])
		}
		for prefix, may := range only {
			allowed := slices.Contains(may.rooms, room) || test && may.tests
			if strings.HasPrefix(path, prefix) && !allowed {
				t.Errorf("%s imports %s", room, path)
			}
		}
	}
}
