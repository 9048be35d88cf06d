package main

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/schema"
)

// schemaLines returns a command line for each document of schema.Commands. Each writes
// it to standard output, but for those with a file to read instead.
func schemaLines(t *testing.T) (lines map[string]string, files map[string]string) {
	t.Helper()
	srv := httptest.NewServer(demo.New(demo.Config{}).Handler())
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.folded": "main;work 5\nmain;idle 2\n", "m.csv": "timestamp,pid,rss_mb\n2026-11-01 10:00:00,1,3\n2026-11-01 10:00:01,1,3\n2026-11-01 10:00:02,1,3\n",
		"log.txt": "2026-11-25T09:00:00Z ERROR could not connect: timeout\n", "r.csv": "round,ops_total,rss_tree_kb\n0,0,9424\n1,100,9500\n2,200,9600\n",
		"token.txt": "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoieCIsImV4cCI6MTc2MzcwMDAwMH0.c2lnbmVk",
		"a.json":    `{"timestamp": 1763700000000, "heapUsedMB": 10, "activeSessions": 2, "toolCallStack": [{"id":"1","name":"echo","durationMs":5}], "handlers": {"echo": {"calls": 3, "retainedMB": 1}}}`,
		"b.json":    `{"timestamp": 1763700060000, "heapUsedMB": 90, "activeSessions": 2, "toolCallStack": [{"id":"1","name":"echo","durationMs":60005}], "handlers": {"echo": {"calls": 9, "retainedMB": 4}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.pb", "b.pb"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(pprof.WriteHeapProfile(f), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	page := httptest.NewServer(text("# TYPE http_requests_total counter\nhttp_requests_total{code=\"200\",path=\"/mcp\"} 100\nhttp_requests_total{code=\"500\",path=\"/mcp\"} 50\n"))
	t.Cleanup(page.Close)
	replace := strings.NewReplacer("URL", srv.URL, "PAGE", page.URL, "DIR", dir, "MCPDIAG", mcpdiagBinary(t))
	lines = map[string]string{
		"deps":           "deps --postgres postgres://u@127.0.0.1:1/app --redis redis://127.0.0.1:1",
		"diff":           "diff DIR/a.json DIR/b.json",
		"doctor":         "doctor URL",
		"doctor facts":   "doctor URL --save DIR/facts.json",
		"flame":          "flame DIR/a.folded",
		"flame sandwich": "flame DIR/a.folded --sandwich work",
		"heap":           "heap DIR/a.pb DIR/b.pb --ops 10",
		"leaktest":       "leaktest -o DIR/leaktest --delay 10ms --hold 20ms --rounds 2 --users 2 --calls 2 -- MCPDIAG demo --serve --listen 127.0.0.1:{port}",
		"leaktest judge": "leaktest --judge DIR/r.csv",
		"loadtest":       "loadtest URL --users 2 --calls 3",
		"loadtest knee":  "loadtest URL --find-knee --tool echo --max-users 2 --step 100ms",
		"logs":           "logs DIR/log.txt",
		"metrics":        "metrics PAGE/metrics --interval 0",
		"monitor":        "monitor --read DIR/m.csv",
		"poll":           "poll URL --count 2 --interval 10ms -o DIR/trace.ndjson",
		"proxy list":     "proxy list",
		"token":          "token DIR/token.txt",
	}
	for name, line := range lines {
		lines[name] = replace.Replace(line)
	}
	return lines, map[string]string{"doctor facts": filepath.Join(dir, "facts.json"), "leaktest": filepath.Join(dir, "leaktest", "verdict.json")}
}

// The document that a command writes is as its schema says, and a wrong one is not.
func TestSchemas(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	lines, files := schemaLines(t)
	for i := range schema.Commands {
		c := &schema.Commands[i]
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			line := lines[c.Name]
			if line == "" {
				t.Fatal("no command line")
			}
			before, command, dash := strings.Cut(line, " -- ")
			args := append(strings.Fields(before), "--format", "json")
			if dash {
				args = append(append(args, "--"), strings.Fields(command)...)
			}
			o := invoke(t, args...)
			out := []byte(o.out)
			if file := files[c.Name]; file != "" {
				out, _ = os.ReadFile(file)
			}
			var doc any
			if err := json.Unmarshal(out, &doc); err != nil {
				t.Fatalf("%s: %v\n%.1000s\n%s", line, err, out, o.err)
			}
			resolved := printedSchema(t, c.Name)
			if err := resolved.Validate(doc); err != nil {
				t.Errorf("%s: %v\n%.3000s", line, err, out)
			}
			object, ok := doc.(map[string]any)
			if !ok {
				object = map[string]any{}
			}
			object["stray"] = true
			if resolved.Validate(object) == nil {
				t.Error("a member that the schema does not have passes")
			}
		})
	}
}

// fits wants the JSON that a command line printed to be as the schema of its command
// says. Lines that print no document of [schema.Commands] pass.
func (o ended) fits(t *testing.T, args []string) {
	t.Helper()
	i := slices.Index(args, "json")
	if i < 1 || args[i-1] != "--format" || !strings.HasPrefix(o.out, "{") || schema.Find(args[0]) == nil {
		return
	}
	name := args[0]
	for flag, mode := range map[string]string{"--sandwich": " sandwich", "--judge": " judge", "--find-knee": " knee"} {
		if slices.Contains(args, flag) {
			name += mode
		}
	}
	var doc any
	if err := json.Unmarshal([]byte(o.out), &doc); err != nil {
		t.Errorf("mcpdiag %s: %v", strings.Join(args, " "), err)
	} else if err := printedSchema(t, name).Validate(doc); err != nil {
		t.Errorf("mcpdiag %s: %v\n%.2000s", strings.Join(args, " "), err, o.out)
	}
}

// printedSchemas holds those that printedSchema has resolved, by name.
var printedSchemas sync.Map

// printedSchema returns the schema that "mcpdiag schema NAME" prints.
func printedSchema(t *testing.T, name string) *jsonschema.Resolved {
	t.Helper()
	if known, ok := printedSchemas.Load(name); ok {
		return known.(*jsonschema.Resolved)
	}
	o := invokeWith(t.Context(), append([]string{"schema"}, strings.Fields(name)...)...)
	o.wants(t, exitOK, `"title": "mcpdiag `+name+`"`)
	var s jsonschema.Schema
	if err := json.Unmarshal([]byte(o.out), &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	printedSchemas.Store(name, resolved)
	return resolved
}
