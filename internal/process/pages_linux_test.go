package process

import (
	"math"
	"testing"
)

func TestRollupBytes(t *testing.T) {
	rollup := []byte("00-01 ---p 0 00:00 0 [rollup]\nPss: 4 kB\nPrivate_Clean: 1 kB\n")
	if got := rollupBytes(rollup, "Pss"); got != 4096 {
		t.Errorf("Pss %v, want 4096", got)
	}
	if got := rollupBytes(rollup, "Swap"); !math.IsNaN(got) {
		t.Errorf("Swap %v: absent is not 0", got)
	}
}
