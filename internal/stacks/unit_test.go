package stacks

import "testing"

// TestFormatOfNothing: nothing is 0 of the smallest unit, not a rounded figure.
func TestFormatOfNothing(t *testing.T) {
	for unit, want := range map[Unit]string{Bytes: "0 B", Samples: "0 samples", Millis: "0s"} {
		if got := unit.Format(0); got != want {
			t.Errorf("%s: %q, want %q", unit, got, want)
		}
	}
}
