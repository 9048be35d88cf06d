package main

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/logs"
)

// The command with which a known fault of a log goes on exists, with its flags.
func TestNextCommands(t *testing.T) {
	t.Parallel()
	list, err := logs.Signatures()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		words := strings.Fields(s.Next)
		if len(words) == 0 {
			continue
		}
		cmd, _, err := newRootCmd(&app{}).Find(words[1:2])
		if err != nil || words[0] != "mcpdiag" {
			t.Errorf("%s: %q is no command: %v", s.ID, s.Next, err)
			continue
		}
		for _, word := range words[2:] {
			if name, ok := strings.CutPrefix(word, "--"); ok && name != "" && cmd.Flag(name) == nil {
				t.Errorf("%s: %q has no flag --%s", s.ID, s.Next, name)
			}
		}
	}
}
