package main

import (
	"bytes"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

func TestGuardBlanksSecretsCutAnywhere(t *testing.T) {
	t.Parallel()
	text := "a sesame; asesa, ses sesames\nasesa"
	for cut := range len(text) {
		for second := cut; second < len(text); second++ {
			var out bytes.Buffer
			g := (&app{secrets: client.Secrets{"sesames", "sesame", "asesa"}}).guard(&out)
			for _, part := range []string{text[:cut], text[cut:second], text[second:]} {
				if n, err := g.Write([]byte(part)); err != nil || n != len(part) {
					t.Fatalf("%d, %v for %q", n, err, part)
				}
			}
			if err := g.Flush(); err != nil {
				t.Fatal(err)
			}
			if got, want := out.String(), "a REDACTED; REDACTED, ses REDACTED\nREDACTED"; got != want {
				t.Fatalf("cut at %d and %d: %q", cut, second, got)
			}
		}
	}
}

func TestGuardPassesLinesAtOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	g := (&app{secrets: client.Secrets{"\tsesame"}}).guard(&out)
	if _, err := g.Write([]byte("polling\n")); err != nil || out.String() != "polling\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
