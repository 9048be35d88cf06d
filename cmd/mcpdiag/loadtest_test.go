package main

import (
	"testing"

	"github.com/spf13/pflag"
)

// loadtest has at most 30 flags of its own, beside those of the connection and the
// output that all commands have; the rest is said in a plan.
func TestLoadtestHasFewFlags(t *testing.T) {
	t.Parallel()
	own := 0
	newLoadtestCmd(sealedApp()).Flags().VisitAll(func(f *pflag.Flag) {
		heading := f.Annotations[groupMark]
		common := len(heading) > 0 && heading[0] == connectionGroup || f.Name == "output" || f.Name == "format"
		if !f.Hidden && !common {
			own++
		}
		if len(heading) == 0 {
			t.Errorf("--%s has no heading in the help", f.Name)
		}
	})
	if own > 30 {
		t.Errorf("loadtest has %d flags of its own, want at most 30", own)
	}
}
