package picture

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
)

func TestChartPutsCallsIntoRows(t *testing.T) {
	start := time.Unix(1763700000, 0)
	span := func(serial, parent int, name string, begin, end time.Duration) fold.Span {
		return fold.Span{Serial: serial, Parent: parent, Name: name, Begin: start.Add(begin), End: start.Add(end)}
	}
	const ms = time.Millisecond
	c := newChart([]fold.Span{
		span(1, 0, "a", 500*ms, 2500*ms), span(2, 0, "b", 500*ms, 1500*ms), span(3, 1, "c", 1500*ms, 2500*ms),
	}, 0)
	c.from, c.to = start, start.Add(3*time.Second)
	var got []string
	for _, f := range c.frames()[1:] {
		got = append(got, fmt.Sprintf("%s row %d depth %d from %g for %g", f.Name, f.Row, f.Depth, f.Start, f.Total))
	}
	want := []string{"a row 1 depth 1 from 500 for 2000", "c row 2 depth 2 from 1500 for 1000", "b row 3 depth 1 from 500 for 1000"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
