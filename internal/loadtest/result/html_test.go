package result

import "testing"

// The page's rate ends with the last whole second.
func TestRateChartHasWholeSeconds(t *testing.T) {
	r := &Result{DurationS: 2.3, Series: []Second{{T: 0, Calls: 40}, {T: 1, Calls: 40}, {T: 2, Calls: 3}}}
	if got := len(r.rateChart().Lines[0].Points); got != 2 {
		t.Errorf("the line has %d points, want 2", got)
	}
	r.DurationS = 3
	if got := len(r.rateChart().Lines[0].Points); got != 3 {
		t.Errorf("of whole seconds the line has %d points, want 3", got)
	}
}
