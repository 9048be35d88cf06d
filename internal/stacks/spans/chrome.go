package spans

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// event is an event of the Chrome trace format.
type event struct {
	Name     label           `json:"name"`
	Phase    string          `json:"ph"`
	Category string          `json:"cat"`
	PID      json.RawMessage `json:"pid"`
	TID      json.RawMessage `json:"tid"`
	ID       json.RawMessage `json:"id"`
	Scoped   scopedID        `json:"id2"` // in place of ID
	Time     micros          `json:"ts"`
	Duration micros          `json:"dur"`
	Args     struct {
		Parent string `json:"parent"` // in files of mcpdiag
	} `json:"args"`
}

// scopedID is an id within a process or within all of them.
type scopedID struct {
	Local  label `json:"local"`
	Global label `json:"global"`
}

// async returns the id of an async event among all of them.
func (e *event) async() string {
	switch {
	case e.Scoped.Global != "":
		return e.Category + "/global/" + string(e.Scoped.Global)
	case e.Scoped.Local != "":
		return e.Category + "/" + string(e.PID) + "/local/" + string(e.Scoped.Local)
	}
	return e.Category + "/" + string(e.PID) + "/" + string(e.ID)
}

// micros are microseconds, which some programs write as a string.
type micros float64

// UnmarshalJSON implements json.Unmarshaler.
func (m *micros) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "null" {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%.40q is not a time in microseconds", data)
	}
	*m = micros(v)
	return nil
}

// label is a name, which may be a number.
type label string

// UnmarshalJSON implements json.Unmarshaler.
func (l *label) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil { // null leaves it empty
		text = string(data)
	}
	*l = label(text)
	return nil
}

// Chrome reads Chrome trace events. Complete (X) and begin and end events (B, E)
// nest by time on their thread, async ones (b, e) among those of the same id.
func Chrome(data []byte) ([]Span, error) {
	events, err := chromeEvents(data)
	if err != nil {
		return nil, err
	}
	c := chromeReader{threads: map[string][]Span{}, open: map[string][]Span{}, async: map[string][]Span{}, used: map[string]bool{}}
	for i := range events {
		c.event(&events[i])
	}
	list := c.finish()
	if len(list) == 0 && c.chunks > 0 {
		return nil, errors.New("it contains samples of a CPU profile (ProfileChunk) and no spans; save the profile itself, in Node.js with --cpu-prof")
	}
	return list, nil
}

// chromeEvents reads an object with traceEvents, or an array, whose end the format
// allows to be missing.
func chromeEvents(data []byte) ([]event, error) {
	var file struct {
		TraceEvents []json.RawMessage `json:"traceEvents"`
	}
	data = bytes.TrimSpace(data)
	if bytes.HasPrefix(data, []byte("[")) {
		if !bytes.HasSuffix(data, []byte("]")) {
			data = append(bytes.TrimSuffix(data, []byte(",")), ']')
		}
		if err := json.Unmarshal(data, &file.TraceEvents); err != nil {
			return nil, err
		}
	} else if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	var list []event
	for i, raw := range file.TraceEvents {
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			var other struct {
				Phase string `json:"ph"`
			}
			if json.Unmarshal(raw, &other) == nil && (other.Phase == "M" || other.Phase == "C") {
				continue // metadata and counters, whose args have other types
			}
			if e.Phase == "" || e.Name == "" {
				return nil, fmt.Errorf("event %d: %w", i, err)
			}
		}
		list = append(list, e)
	}
	return list, nil
}

type chromeReader struct {
	threads map[string][]Span // complete spans by thread
	open    map[string][]Span // B events by thread
	async   map[string][]Span // b events by id
	used    map[string]bool   // ids of async spans
	spans   []Span
	order   []string // threads, by their first event
	count   int      // events
	chunks  int      // of a CPU profile
	last    int64    // ns, of the last event
}

func (c *chromeReader) event(e *event) {
	thread := string(e.PID) + "/" + string(e.TID)
	c.count++
	s := Span{Name: string(e.Name), Begin: nanoseconds(float64(e.Time)), End: nanoseconds(float64(e.Time + max(e.Duration, 0))), order: c.count}
	c.last = max(c.last, s.End)
	switch e.Phase {
	case "P":
		c.chunks++
	case "X":
		c.complete(thread, s)
	case "B":
		c.open[thread] = append(c.open[thread], s)
	case "E":
		if last := len(c.open[thread]) - 1; last >= 0 {
			s = c.open[thread][last]
			c.open[thread] = c.open[thread][:last]
			s.End = nanoseconds(float64(e.Time))
			c.complete(thread, s)
		}
	case "b":
		c.begin(e, s)
	case "e":
		id := e.async()
		if last := len(c.async[id]) - 1; last >= 0 {
			s = c.async[id][last]
			c.async[id] = c.async[id][:last]
			s.End = nanoseconds(float64(e.Time))
			c.spans = append(c.spans, s)
		}
	}
}

// begin opens an async span. One within another of the same id is its child.
func (c *chromeReader) begin(e *event, s Span) {
	id := e.async()
	s.Trace, s.ID = "async", id
	if around := c.async[id]; len(around) > 0 {
		s.Parent = around[len(around)-1].ID
	} else if e.Args.Parent != "" {
		s.Parent = e.Category + "/" + string(e.PID) + "/" + strconv.Quote(e.Args.Parent)
	}
	if c.used[id] { // an id can be used again
		s.ID += "/" + strconv.Itoa(c.count)
	}
	c.used[id] = true
	c.async[id] = append(c.async[id], s)
}

// endAll ends the spans that the file does not end, with its last event.
func (c *chromeReader) endAll() {
	for _, thread := range slices.Sorted(maps.Keys(c.open)) {
		for _, s := range c.open[thread] {
			s.Open, s.End = true, max(c.last, s.Begin)
			c.complete(thread, s)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.async)) {
		for _, s := range c.async[id] {
			s.Open, s.End = true, max(c.last, s.Begin)
			c.spans = append(c.spans, s)
		}
	}
}

func (c *chromeReader) complete(thread string, s Span) {
	if _, known := c.threads[thread]; !known {
		c.order = append(c.order, thread)
	}
	c.threads[thread] = append(c.threads[thread], s)
}

// finish nests the spans of each thread by time.
func (c *chromeReader) finish() []Span {
	c.endAll()
	for _, thread := range c.order {
		list := c.threads[thread]
		slices.SortStableFunc(list, func(a, b Span) int {
			return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(b.End, a.End), cmp.Compare(a.order, b.order))
		})
		var open []int
		for i := range list {
			s := &list[i]
			s.Trace, s.ID = thread, strconv.Itoa(i)
			for len(open) > 0 && list[open[len(open)-1]].End <= s.Begin {
				open = open[:len(open)-1]
			}
			if len(open) > 0 {
				s.Parent = list[open[len(open)-1]].ID
			}
			open = append(open, i)
		}
		c.spans = append(c.spans, list...)
	}
	return c.spans
}
