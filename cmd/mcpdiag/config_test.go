package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// neverFound lists flags that no auto-discovered file may set, whichever command
// has them: credentials and their receivers, listeners, and harm to a server.
var neverFound = []string{
	"header", "token-file", "cacert", "cert", "key", "insecure", "to", "listen", "allow-host", "allow-origin", "gc-url", "gc-signal",
	"snapshot", "pid", "name", "destructive", "probe-orphans", "force", "config", "tool", "args", "resource", "prompt", "output", "log", "plot",
	"announce", "schema", "plan",
}

func eachFlag(visit func(cmd *cobra.Command, f *pflag.Flag)) {
	var commands func(cmd *cobra.Command)
	commands = func(cmd *cobra.Command) {
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) { visit(cmd, f) })
		for _, sub := range cmd.Commands() {
			if sub.Name() != "completion" {
				commands(sub)
			}
		}
	}
	commands(newRootCmd(sealedApp()))
}

func TestFoundConfigSetsHarmlessFlagsOnly(t *testing.T) {
	t.Parallel()
	seen := 0
	eachFlag(func(cmd *cobra.Command, f *pflag.Flag) {
		load := strings.HasPrefix(cmd.CommandPath(), "mcpdiag loadtest") || strings.HasPrefix(cmd.CommandPath(), "mcpdiag leaktest")
		if mayBeFound(f) && (slices.Contains(neverFound, f.Name) || load && f.Name == "url") {
			t.Errorf("%s: --%s may be set by an auto-discovered file", cmd.CommandPath(), f.Name)
		}
		if isMarked(f, foundMark) && isMarked(f, pathMark) {
			t.Errorf("%s: --%s is a path and may be set by an auto-discovered file", cmd.CommandPath(), f.Name)
		}
		seen++
	})
	if seen < 100 {
		t.Errorf("%d flags were checked", seen)
	}
}

func TestFoundConfigLinks(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(t.TempDir())
	outside := filepath.Join(dir, "secret")
	if err := os.WriteFile(outside, []byte("sentinel: sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{outside: "path escapes", "/dev/zero": "path escapes"} {
		if err := os.Symlink(target, localConfig); err != nil {
			t.Fatal(err)
		}
		o := invoke(t, "schema")
		o.wants(t, exitUsage, "reading mcpdiag.yaml: "+want)
		if strings.Contains(o.err, "sesame") || strings.Contains(o.err, "sentinel") {
			t.Errorf("the file's content shows: %s", o.err)
		}
		if err := os.Remove(localConfig); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(localConfig, make([]byte, maxConfig+1), 0o600); err != nil {
		t.Fatal(err)
	}
	invoke(t, "schema").wants(t, exitUsage, "larger than 1.0 MB")
}

// FuzzConfig reads config files as every command does. An auto-discovered one
// sets no flag that it may not set, whatever its form is.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"", "url: x", "flame:\n  output: .git/config", "output: x\npoll: {interval: 5s, alert: [a, b]}", "a: &a [*a]", "poll: 1", "? [a]\n: b",
		"poll:\n  output: x\npoll:\n  output: y", "<<: {output: x}", "!!binary b3V0cHV0: x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, cmd := range newRootCmd(sealedApp()).Commands() {
			file := configFile{name: localConfig, found: true}
			if file.parse(cmd, []byte(text)) != nil {
				continue
			}
			for name, node := range file.values {
				flag := flagOf(cmd, name)
				if flag == nil || !mayBeFound(flag) {
					t.Fatalf("%s: %s is set", cmd.Name(), name)
				}
				_ = file.set(flag, node)
			}
		}
	})
}
