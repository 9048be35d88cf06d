package process

import (
	"slices"
	"testing"
)

const aStat = "12909 (a) b (c\n) S 12905 12905 11227 0 -1 4194304 120 0 0 0 11 31 0 0 20 0 4 0 94048 3133440 365 18446744073709551615 1 2"

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte(aStat))
	want := stat{name: "a) b (c\n", state: 'S', parent: 12905, cpu: 42, threads: 4, start: 94048}
	if err != nil || got != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "1 (x", "1 )x( S", "1 (x) S 1 2"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestParseSmall(t *testing.T) {
	if m, ok := parseStatm([]byte("765 393 365 5 0 123 0\n")); !ok || m != (statm{765, 393, 365}) {
		t.Errorf("statm: %+v %v", m, ok)
	}
	if _, ok := parseStatm([]byte("765")); ok {
		t.Error("statm with one number was taken")
	}
	if got := appendPIDs(nil, []byte("1 23 456 ")); !slices.Equal(got, []int{1, 23, 456}) {
		t.Errorf("children: %v", got)
	}
	rollup := []byte("00-01 ---p 0 00:00 0 [rollup]\nRss: 1588 kB\nPss:\t 452 kB\nPss_Dirty: 116 kB\n")
	if got, ok := parseKB(rollup, "Pss"); !ok || got != 452*1024 {
		t.Errorf("Pss: %d %v", got, ok)
	}
	if _, ok := parseKB(rollup, "Swap"); ok {
		t.Error("an absent key was found")
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(aStat))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = parseStat(b)
		_, _ = parseStatm(b)
		_ = appendPIDs(nil, b)
		_, _ = parseKB(b, "Pss")
	})
}
