package leaktest

import (
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/conduct"
)

func TestTimeLeft(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		index, round int
		hold, most   time.Duration
		want         time.Duration
	}{
		{1, 1, 0, time.Hour, 0}, {1, 3, 0, time.Hour, 22 * time.Second}, {1, 11, 0, time.Hour, 14 * time.Second}, {2, 12, 0, time.Hour, time.Second},
		{2, 12, time.Minute, time.Hour, 61 * time.Second}, {1, 3, 0, 5 * time.Second, 5 * time.Second}, {1, 3, 0, -time.Second, 0},
	} {
		done := (test.index-1)*12 + test.round - 1
		p := Progress{Progress: conduct.Progress{Phase: "everyday", Index: test.index, Count: 2, Round: test.round, Rounds: 12, Hold: test.hold, Most: test.most}, Elapsed: time.Duration(done) * time.Second}
		if got := p.left(); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}
