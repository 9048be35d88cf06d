package report

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

var escapes = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func TestTable(t *testing.T) {
	table := func() *Table {
		tb := &Table{Right: map[int]bool{1: true}, Indent: "  "}
		tb.Styled(Faint, "NAME", "N", "REST")
		tb.Row("漢字", "1", "a")
		tb.Styled(Bad, "\x1b[31mred\x1b[0m", "1,000", "\u202eb")
		tb.Row("x", "10", "")
		return tb
	}
	const want = "" +
		"  NAME                    N  REST\n" +
		"  漢字                    1  a\n" +
		"  \\x1b[31mred\\x1b[0m  1,000  \\u202eb\n" +
		"  x                      10\n"
	var plain, coloured bytes.Buffer
	if err := table().Write(&plain, false); err != nil {
		t.Fatal(err)
	}
	if plain.String() != want {
		t.Errorf("got\n%s\nwant\n%s", plain.String(), want)
	}
	if err := table().Write(&coloured, true); err != nil {
		t.Fatal(err)
	}
	if got := escapes.ReplaceAllString(coloured.String(), ""); got != want || !strings.Contains(coloured.String(), "\x1b[31m") {
		t.Errorf("coloured\n%q", coloured.String())
	}
	narrow := table()
	narrow.Width = 12
	var cut bytes.Buffer
	if err := narrow.Write(&cut, false); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(cut.String()) {
		if Width(strings.TrimSuffix(line, "\n")) > 12 {
			t.Errorf("%q is wider than 12", line)
		}
	}
}

func TestTableOfUnevenRows(t *testing.T) {
	var table Table
	table.Row()
	table.Row("a", "b", "c")
	table.Row("d")
	var b bytes.Buffer
	if err := table.Write(&b, false); err != nil || b.String() != "\na  b  c\nd\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestUnits(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{MB(0), "0.0 MB"}, {MB(61.44), "61.4 MB"}, {MB(0.318), "326 KB"}, {MB(1536), "1.50 GB"}, {MB(-2), "-2.0 MB"}, {MB(1e-6), "1 B"},
		{Signed(0, MB), "0.0 MB"}, {Signed(2, MB), "+2.0 MB"}, {Signed(-2, MB), "-2.0 MB"},
		{Count(0), "0"}, {Count(999), "999"}, {Count(12000), "12,000"}, {Count(-1234567), "-1,234,567"}, {Count(math.MinInt64), "-9,223,372,036,854,775,808"},
		{Percent(0.125), "12.5 %"},
		{Duration(0), "0s"}, {Duration(532 * time.Millisecond), "532ms"}, {Duration(1254 * time.Millisecond), "1.25s"},
		{Duration(4*time.Minute + 10*time.Second), "4m10s"}, {Duration(2 * time.Hour), "2h0m"}, {Duration(-time.Second), "-1s"}, {Duration(1500 * time.Nanosecond), "2µs"},
		{Millis(1.234), "1.23ms"}, {Millis(41_000), "41s"},
	} {
		if tc.got != tc.want {
			t.Errorf("%q, want %q", tc.got, tc.want)
		}
	}
	if got := Millis(1e300); strings.HasPrefix(got, "-") {
		t.Errorf("1e300 ms are %q", got)
	}
}
