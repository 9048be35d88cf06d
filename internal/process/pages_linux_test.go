package process

import (
	"math"
	"os"
	"testing"
	"time"
)

// The pages of a process count until it touches one, or changes its size, or they are old.
func TestPagesAreReadAgain(t *testing.T) {
	tree := openTree(t, os.Getpid())
	p := tree.root
	for name, c := range map[string]struct {
		change func()
		again  bool
	}{
		"as they were": {func() {}, false},
		"a page fault": {func() { p.last.faults++ }, true},
		"another size": {func() { p.size.RSS++ }, true},
		"old":          {func() { p.pages.at = p.pages.at.Add(-pagesFor) }, true},
	} {
		read(t, tree)
		p.pages = pages{pss: 1, at: time.Now(), faults: p.last.faults, size: p.size}
		c.change()
		d := NoDetail()
		if tree.ReadPages(&d); (d.PSS != 1) != c.again {
			t.Errorf("%s: PSS %v; read again should be %v", name, d.PSS, c.again)
		}
	}
}

func TestParsePages(t *testing.T) {
	got := parsePages([]byte("00-01 ---p 0 00:00 0 [rollup]\nPss: 4 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\nSwap: 8 kB\n"))
	if got.pss != 4096 || got.uss != 3072 || got.swap != 8192 {
		t.Errorf("%+v", got)
	}
	if got := parsePages([]byte("Pss: 4 kB\n")); !math.IsNaN(got.uss) || !math.IsNaN(got.swap) {
		t.Errorf("%+v: what is absent is not 0", got)
	}
}
