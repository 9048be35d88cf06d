// Package threshold parses and evaluates conditions such as heap>500MB,
// p99<500ms or errors<1%: a metric, an operator and a limit.
package threshold

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Condition is a parsed condition. It is comparable.
type Condition struct {
	Text   string // as written, without surrounding spaces
	Metric string
	Op     Op
	Limit  float64 // in the unit that Unit names
	Unit   Unit
}

// Op is a comparison operator.
type Op string

// Operators.
const (
	Less         Op = "<"
	LessEqual    Op = "<="
	Greater      Op = ">"
	GreaterEqual Op = ">="
)

// Compare reports whether "v op limit" is true.
func (op Op) Compare(v, limit float64) bool {
	switch op {
	case Less:
		return v < limit
	case LessEqual:
		return v <= limit
	case Greater:
		return v > limit
	}
	return v >= limit
}

// form matches METRIC OP LIMIT. Metrics contain names from outside, which may hold
// any character, so the last operator separates.
var form = regexp.MustCompile(`^\s*(.+?)\s*(>=|<=|>|<)\s*([^<>=]+?)\s*$`)

// Parse parses METRIC OP LIMIT. unitOf returns the unit of a metric, or an error
// for an unknown one.
func Parse(text string, unitOf func(metric string) (Unit, error)) (Condition, error) {
	m := form.FindStringSubmatch(text)
	if m == nil {
		return Condition{}, fmt.Errorf("invalid condition %q: want METRIC, an operator (<, <=, >, >=) and a limit", text)
	}
	c := Condition{Text: strings.TrimSpace(text), Metric: m[1], Op: Op(m[2])}
	var err error
	if c.Unit, err = unitOf(c.Metric); err != nil {
		return Condition{}, fmt.Errorf("condition %q: %w", c.Text, err)
	}
	if c.Limit, err = c.Unit.parse(m[3]); err != nil {
		return Condition{}, fmt.Errorf("condition %q: %w", c.Text, err)
	}
	return c, nil
}

// Holds reports whether the condition is true for v.
func (c Condition) Holds(v float64) bool { return c.Op.Compare(v, c.Limit) }

// Format formats v in the unit of the condition.
func (c Condition) Format(v float64) string {
	switch c.Unit {
	case Megabytes:
		return report.MB(v)
	case Milliseconds, Latency:
		return report.Millis(v)
	case Share:
		return report.Percent(v)
	case Count, Rate:
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
