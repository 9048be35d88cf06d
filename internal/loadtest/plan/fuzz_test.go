package plan

import (
	"math"
	"testing"
)

// What is read of a small notation can be written and read again, and never is no number.
func FuzzNotations(f *testing.F) {
	for _, s := range []string{"p99<500ms", "tool.a.p99.9>=1.5s", "errors<1%", "0.1s..2s", "lognormal:1s,0.5", "10/30s", "90/m", "p50<10s,errors<1%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if th, err := ParseThreshold(s); err == nil {
			if again, err := ParseThreshold(th.Text); err != nil || again != th || math.IsNaN(th.Value) || th.Value < 0 {
				t.Fatalf("%+v, then %+v, %v", th, again, err)
			}
		}
		if th, err := ParseThink(s); err == nil {
			if d := th.Draw(NewRand(1, 1)); d < 0 {
				t.Fatalf("%q draws %s", s, d)
			}
		}
		if b, err := ParseBurst(s); err == nil && (b.Calls < 1 || b.Rest <= 0) {
			t.Fatalf("%+v", b)
		}
		if r, err := ParseRate(s); err == nil && !(r > 0 && r <= MaxRate) {
			t.Fatalf("%q is the rate %g", s, r)
		}
		_, _ = ParseObjectives(s)
	})
}
