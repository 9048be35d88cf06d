package promtext

import (
	"fmt"
	"math"
	"regexp"
	"strings"
)

// Selector picks samples: those of Name with all of Labels. The label value "*" matches
// any value but the empty one.
type Selector struct {
	Name   string
	Labels map[string]string
}

var (
	selectorForm = regexp.MustCompile(`^([A-Za-z_:][\w:.-]*)(?:\{([^{}]*)\})?$`)
	labelForm    = regexp.MustCompile(`^\s*([A-Za-z_]\w*)\s*=\s*"([^"]*)"\s*$`)
)

// ParseSelector parses NAME or NAME{label="value",…}.
func ParseSelector(text string) (Selector, error) {
	m := selectorForm.FindStringSubmatch(text)
	if m == nil {
		return Selector{}, fmt.Errorf(`invalid metric %q: want NAME or NAME{label="value"}`, text)
	}
	s := Selector{Name: m[1]}
	if m[2] == "" {
		return s, nil
	}
	s.Labels = map[string]string{}
	for pair := range strings.SplitSeq(m[2], ",") {
		label := labelForm.FindStringSubmatch(pair)
		if label == nil {
			return Selector{}, fmt.Errorf(`invalid label %q: want label="value"`, pair)
		}
		s.Labels[label[1]] = label[2]
	}
	return s, nil
}

// Matches reports whether labels have all labels of the selector.
func (s Selector) Matches(labels map[string]string) bool {
	for name, want := range s.Labels {
		if got := labels[name]; got != want && (want != "*" || got == "") {
			return false
		}
	}
	return true
}

// Sum adds up the samples that s selects. ok is false if there is none, and if the sum
// is not a finite number.
func (m *Metrics) Sum(s Selector) (total float64, ok bool) {
	for _, sample := range m.samples[s.Name] {
		if s.Matches(sample.Labels) {
			total += sample.Value
			ok = true
		}
	}
	return total, ok && !math.IsInf(total, 0) && !math.IsNaN(total)
}
