package result

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Delta formats the change, "~" unless the figure became better or worse.
func (d *Difference) Delta() string {
	switch {
	case d.Verdict == Same || d.Verdict == Unsure:
		return "~"
	case d.Metric == "errors" || d.Before == 0:
		return report.Signed(d.After-d.Before, report.Percent)
	}
	return report.Signed(d.After/d.Before-1, report.Percent)
}

// Evidence formats p and n as benchstat does, with the interval of the change if
// that is the reason why the comparison is undecided.
func (d *Difference) Evidence() string {
	n := fmt.Sprintf("n=%d+%d %s", d.N[0], d.N[1], d.Of)
	if d.Verdict == Unsure && d.Change != nil {
		return fmt.Sprintf("p=%.3f %s, %s to %s", d.P, n, report.Signed(d.Change.Low, report.Percent), report.Signed(d.Change.High, report.Percent))
	}
	return fmt.Sprintf("p=%.3f %s", d.P, n)
}

// Values formats both figures.
func (d *Difference) Values() (before, after string) {
	show := func(v float64) string {
		switch d.Metric {
		case "errors":
			return fmt.Sprintf("%.2f %%", v*100)
		case "rate":
			return fmt.Sprintf("%.1f/s", v)
		}
		return report.Millis(v)
	}
	return show(d.Before), show(d.After)
}

// Name returns the step and the metric.
func (d *Difference) Name() string {
	if d.Step == "" {
		return d.Metric
	}
	return d.Step + " " + d.Metric
}

// String describes the difference in one clause.
func (d *Difference) String() string {
	before, after := d.Values()
	if d.Verdict == Same {
		return fmt.Sprintf("%s is the same as before: %s, was %s", d.Name(), after, before)
	}
	return fmt.Sprintf("%s is %s than before: %s, was %s", d.Name(), d.Verdict, after, before)
}
