package poll

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/promtext"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Names maps the fields of a snapshot to the metrics that mean them, the preferred
// first.
type Names map[string][]promtext.Selector

// DefaultNames returns the metrics of mcpdiag itself, of runtime exporters and of common
// MCP servers, from the table of fields.
func DefaultNames() Names {
	names := Names{}
	for _, f := range snapshot.Fields {
		if f.Metric == "" || f.Set == nil {
			continue
		}
		names[f.Name] = []promtext.Selector{{Name: "mcpdiag_" + f.Metric}}
		for _, source := range f.Sources {
			if s, err := promtext.ParseSelector(source); err == nil {
				names[f.Name] = append(names[f.Name], s)
			}
		}
	}
	return names
}

// Add adds FIELD=METRIC, or FIELD=METRIC{label="value"}, before the other metrics of
// the field.
func (n Names) Add(text string) error {
	field, metric, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf(`invalid metric %q: want FIELD=METRIC, such as activeSessions=myapp_sessions{state="open"}`, text)
	}
	if _, ok := n[field]; !ok {
		return fmt.Errorf("unknown field %q; known are %s", field, strings.Join(slices.Sorted(maps.Keys(n)), ", "))
	}
	s, err := promtext.ParseSelector(metric)
	if err != nil {
		return err
	}
	n[field] = slices.Insert(n[field], 0, s)
	return nil
}

// fill sets the fields of s whose metric has a value, and returns their number.
func (n Names) fill(s *snapshot.Snapshot, value func(promtext.Selector) (float64, bool)) (found int) {
	for _, f := range snapshot.Fields {
		for _, metric := range n[f.Name] {
			if v, ok := value(metric); ok && v >= 0 && v < snapshot.MaxCount {
				f.Set(s, v/f.Unit.Base())
				found++
				break
			}
		}
	}
	return found
}
