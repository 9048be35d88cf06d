package process

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// A machine: init starts a shell that runs mcpdiag, and a server with workers.
var machine = []Info{
	{ID: ID{PID: 1, Start: 1}, Name: "init"},
	{ID: ID{PID: 10, Start: 5}, Parent: 1, Name: "sh", Args: []string{"sh", "-c", "mcpdiag monitor --name uvicorn"}},
	{ID: ID{PID: 11, Start: 6}, Parent: 10, Name: "mcpdiag", Args: []string{"mcpdiag", "monitor", "--name", "uvicorn"}},
	{ID: ID{PID: 20, Start: 2}, Parent: 1, Name: "python3", Exe: "/usr/bin/python3", Args: []string{"python3", "/app/bin/Uvicorn", "app:main"}},
	{ID: ID{PID: 21, Start: 3}, Parent: 20, Name: "python3", Args: []string{"python3", "spawn", "uvicorn"}},
	{ID: ID{PID: 30, Start: 4}, Parent: 1, Name: "node", Exe: "/opt/node", Args: []string{"node", "server.js"}},
	{ID: ID{PID: 50, Start: 2}, Parent: 1, Name: "mcpdiag", Exe: "/opt/mcpdiag", Args: []string{"mcpdiag", "proxy", "--", "node", "index.mjs"}},
	{ID: ID{PID: 51, Start: 2}, Parent: 50, Name: "child-watchdog", Exe: "/opt/mcpdiag", Args: []string{WatchdogName}},
	{ID: ID{PID: 52, Start: 2}, Parent: 51, Name: "node", Args: []string{"node", "index.mjs"}},
	{ID: ID{PID: 53, Start: 2}, Parent: 1, Name: "mcpdiag", Args: []string{"mcpdiag", "demo", "--serve"}},
	{ID: ID{PID: 40, Start: 4}, Parent: 41, Name: "loop"}, // seen while both moved
	{ID: ID{PID: 41, Start: 4}, Parent: 40, Name: "pool"},
}

func TestMatch(t *testing.T) {
	tests := map[string][]int{
		"uvicorn":   {20},
		"python3":   {20},
		"SERVER.js": {30},
		"opt/node":  nil,
		"e server":  {30},
		"index.mjs": {52},
		"mcpdiag":   {53},
		"loop":      {40},
		"absent":    nil,
	}
	for name, want := range tests {
		var got []int
		for _, p := range match(machine, name, 11) {
			got = append(got, p.PID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: PIDs %v, want %v", name, got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	several := []Info{{ID: ID{PID: 7, Start: 20}}, {ID: ID{PID: 8, Start: 30}}, {ID: ID{PID: 9, Start: 10}}}
	for how, want := range map[Match]int{MatchNewest: 8, MatchOldest: 9} {
		got, err := Choose("x", several, how)
		if err != nil || len(got) != 1 || got[0].PID != want {
			t.Errorf("%s: %v %v, want PID %d", how, got, err, want)
		}
	}
	if got, err := Choose("x", several, MatchAll); err != nil || len(got) != 3 {
		t.Errorf("all: %v %v", got, err)
	}
	var ambiguous *AmbiguousError
	if _, err := Choose("x", several, MatchOne); !errors.As(err, &ambiguous) || len(ambiguous.Found) != 3 {
		t.Errorf("several: %v, want an AmbiguousError", err)
	}
	if _, err := Choose("x", nil, MatchAll); !errors.Is(err, ErrNoMatch) {
		t.Errorf("none: %v, want ErrNoMatch", err)
	}
}

func TestFindByArgument(t *testing.T) {
	marker := "mcpdiag-find-" + t.Name()
	cmd := helper(t, "tree 2 1", marker)
	found, err := Find(strings.ToUpper(marker))
	if err != nil || len(found) != 1 || found[0].PID != cmd.Process.Pid {
		t.Fatalf("found %v, %v; want PID %d", found, err, cmd.Process.Pid)
	}
	if got := found[0]; got.Parent != os.Getpid() || got.Args[1] != marker || got.Exe == "" || got.Started.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestArgumentsAreWhole(t *testing.T) {
	args := []string{"my server.js", "", `--name="a b"`, `C:\dir\`}
	info, err := Lookup(helper(t, "wait", args...).Process.Pid)
	if err != nil || len(info.Args) == 0 || !slices.Equal(info.Args[1:], args) {
		t.Errorf("%q, %v, want %q", info.Args, err, args)
	}
}

func TestLargestWeighsTheTree(t *testing.T) {
	marker := "mcpdiag-largest-" + t.Name()
	helper(t, "wait", marker)
	big := helper(t, "tree 3 1", marker)
	found, err := Find(marker)
	if err != nil || len(found) != 2 {
		t.Fatalf("found %v, %v", found, err)
	}
	got, err := Choose(marker, found, MatchLargest)
	if err != nil || got[0].PID != big.Process.Pid {
		t.Errorf("%v %v, want PID %d", got, err, big.Process.Pid)
	}
}

func TestLookupOfNobody(t *testing.T) {
	for _, pid := range []int{-1, 0, 1 << 30} {
		if _, err := Lookup(pid); err == nil || strings.Contains(err.Error(), "/proc") {
			t.Errorf("PID %d: %v", pid, err)
		}
	}
}
