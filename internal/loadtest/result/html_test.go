package result

import (
	"strings"
	"testing"
)

// A chart with a single second, of which a line draws nothing, is left out.
func TestShortRunHasNoRateChart(t *testing.T) {
	page := func(seconds float64) string {
		r := &Result{DurationS: seconds, Calls: 43, Series: []Second{{T: 0, Calls: 40}, {T: 1, Calls: 40}, {T: 2, Calls: 3}}}
		if seconds < 2 {
			r.Series = r.Series[:2]
		}
		var b strings.Builder
		if err := r.HTML(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	const chart = `alt="Calls per second: `
	if strings.Contains(page(1.5), chart) || !strings.Contains(page(2.5), chart) {
		t.Error("the chart of the rate is in the page of 1.5 s, or not in that of 2.5 s")
	}
}

// The heading of a table is not repeated by its first column, and an empty
// distribution has no figures.
func TestPageTables(t *testing.T) {
	r := &Result{Calls: 3, Failed: 3, Warnings: []string{"a warning"}}
	var page, text strings.Builder
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h2>Latency</h2>", `<th class=""></th><th class="num">p50</th>`, "<h2>Warnings</h2>", "<td class=\"\">successful</td><td class=\"num\">-</td>"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if err := r.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(text.String()), " "); !strings.Contains(got, "successful - - - - 0") {
		t.Errorf("an empty distribution has figures:\n%s", text.String())
	}
}

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
