package knee

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

func namedKnee(name string) *Knee {
	m := &model{workers: 8, serviceS: 0.02, noise: 0.01, rand: plan.NewRand(1, 1)}
	objectives := []plan.Threshold{{Metric: "p99", Op: "<", Value: 60, Text: name}}
	k, err := Find(context.Background(), m.RunStep, Config{MaxUsers: 100, Objectives: objectives, Text: name})
	if err != nil {
		panic(err)
	}
	k.URL, k.Server, k.Protocol, k.Tool, k.StartedAt = name, name, "2025-11-25", name, time.Unix(1763700000, 0).UTC()
	k.Warnings, k.Reasons = append(k.Warnings, name), []string{name}
	return k
}

// Names from outside appear escaped in the text and as data in the page.
func TestOutputsWithHostileNames(t *testing.T) {
	for _, name := range []string{"\x1b[2J", "\u202egnp", "\n::error::x", "\rOK", `</script><script>alert(1)</script>`, `"><svg onload=alert(1)>`, "\x00\ufffe"} {
		k := namedKnee(name)
		var text, page strings.Builder
		if err := errors.Join(k.Text(&text, false), k.HTML(&page)); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(text.String(), "\x1b\r\x00\u202e\ufffe") || strings.Contains(text.String(), "\n::") {
			t.Errorf("%q is raw in the text:\n%s", name, text.String())
		}
		if strings.Contains(page.String(), name) {
			t.Errorf("%q is raw in the page", name)
		}
	}
}
