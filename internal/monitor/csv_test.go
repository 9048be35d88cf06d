package monitor

import (
	"math"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Text that a spreadsheet would run becomes text; numbers stay numbers.
func TestTextCell(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "",
		"restarted":         "restarted",
		"=cmd|'/c calc'!A1": "'=cmd|'/c calc'!A1",
		"+1":                "'+1",
		"-1":                "'-1",
		"@x":                "'@x",
		"\tx":               `'\tx`,
		"\rx":               `'\rx`,
		"\nx":               `'\nx`,
		`say "hi", please`:  `"say ""hi"", please"`,
	} {
		if got := textCell(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := string(appendNumber(nil, -5, 1)); got != "-5.0" {
		t.Errorf("a number: %q", got)
	}
	if got := string(appendNumber(nil, math.NaN(), 1)); got != "" {
		t.Errorf("an absent figure: %q, want an empty cell", got)
	}
}

// A day at one sample a second stays below 20 MB, with large numbers in every cell.
func TestADayIsSmall(t *testing.T) {
	s := &Sample{At: time.Now(), PID: 4194303, RSS: 12345.678, VMS: 123456.789, RSSTotal: 23456.789, VMSTotal: 234567.89, Percent: 12.345, Children: 120,
		Available: 123456.7 * mib, Detail: process.Detail{PSS: 12345.6 * mib, USS: 12345.6 * mib, Swap: 1234.5 * mib, CPU: 123.4, Threads: 1234, Files: 12345,
			Sockets: 12345, Listen: 12, Established: 1234, CloseWait: 1234, Group: 23456.7 * mib, GroupLimit: 65536 * mib}}
	if row := len(appendRow(nil, s)) + 1; row*86400 > 20<<20 {
		t.Errorf("a row has %d bytes, a day %d MB", row, row*86400>>20)
	}
}
