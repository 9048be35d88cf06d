package engine

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

func TestCallLogWithHostileNames(t *testing.T) {
	for _, name := range []string{"\x1b[2J", "\u202egnp", "\xff\xfe", "\n::error::x", "\x00\ufffe", `=cmd|'/c calc'!A1`, "+1", "-1", "@x", "\tx", "|", `a,b"c`, strings.Repeat("x", 1<<20)} {
		var b bytes.Buffer
		l := NewCallLog(&b, []plan.Step{{Kind: plan.CallTool, Name: name}})
		l.Add(Call{At: 1500 * time.Millisecond, User: 3, Latency: 2 * time.Millisecond, Service: time.Millisecond, Bytes: 7, Failure: "isError"})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%.30q: %v, %v", name, rows, err)
		}
		row := rows[1]
		if row[0] != "1.500000" || row[1] != "3" || row[3] != "2.000" || row[4] != "1.000" || row[6] != "isError" {
			t.Errorf("%.30q: the row is %.100q", name, row)
		}
		if strings.ContainsAny(row[2][:min(len(row[2]), 1)], "=+-@\t\r\n") || strings.ContainsAny(row[2], "\x1b\x00\u202e\n\r") {
			t.Errorf("%.30q stands as %.60q", name, row[2])
		}
	}
}

func TestCallLogSaysThatItCannotWrite(t *testing.T) {
	l := NewCallLog(fullDisk{}, []plan.Step{{Name: "a"}})
	for range 10_000 {
		l.Add(Call{})
	}
	if err := l.Close(); err == nil || err.Error() != "no space left on device" {
		t.Errorf("got %v", err)
	}
}

// fullDisk is a writer that has no space.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
