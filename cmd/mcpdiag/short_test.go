package main

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// Each command that judges has a summary that fits a message of a chat.
func TestShort(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	lines, _ := schemaLines(t)
	root := newRootCmd(sealedApp())
	n := 0
	for name, line := range lines {
		cmd, _, err := root.Find(strings.Fields(name))
		if err != nil || cmd.CommandPath() != "mcpdiag "+name || cmd.Flags().Lookup("short") == nil || name == "doctor" {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := invoke(t, strings.Fields(strings.TrimSuffix(strings.Replace(line+" -- ", " -- ", " --short -- ", 1), " -- "))...)
			o.harmless(t)
			if !strings.HasPrefix(o.out, "mcpdiag "+name) || len(o.out) > 1200 || strings.Count(o.out, "\n") > 6 {
				t.Errorf("%s --short: exit code %d\n%s%s", line, o.code, o.out, o.err)
			}
		})
	}
	if n < 10 {
		t.Errorf("%d commands have --short", n)
	}
}
