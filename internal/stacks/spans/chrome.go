package spans

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
func Chrome(data []byte) (*Recording, error) {
	c := chromeReader{threads: map[string][]Span{}, open: map[string][]Span{}, async: map[string][]Span{}, used: map[string]bool{}}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := toEvents(dec); err != nil {
		return nil, err
	}
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) || c.count == 0 {
				return nil, err
			}
			c.Cut = len(bytes.Trim(data[dec.InputOffset():], " \t\r\n,")) > 0
			break
		}
		if err := c.add(raw); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil && data[0] != '[' { // the format allows an array without its end
		c.Cut = true
	}
	c.finish()
	return &c.Recording, nil
}

// toEvents reads an array, or an object to its member traceEvents, up to the first event.
func toEvents(dec *json.Decoder) error {
	for {
		token, err := dec.Token()
		if name, ok := token.(string); ok && name != "traceEvents" {
			err = dec.Decode(new(json.RawMessage))
		}
		if err != nil || token == json.Delim('[') {
			return err
		}
	}
}

// add reads an event.
func (c *chromeReader) add(raw json.RawMessage) error {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		var other struct {
			Phase string `json:"ph"`
		}
		if json.Unmarshal(raw, &other) == nil && (other.Phase == "M" || other.Phase == "C") {
			return nil // metadata and counters, whose args have other types
		}
		if e.Phase == "" || e.Name == "" {
			return fmt.Errorf("event %d: %w", c.count, err)
		}
	}
	if e.Phase == "P" || e.Name == "CpuProfile" {
		c.Chunks = append(c.Chunks, raw)
	}
	c.event(&e)
	return nil
}

type chromeReader struct {
	Recording
	threads map[string][]Span // complete spans by thread
	open    map[string][]Span // B events by thread
	async   map[string][]Span // b events by id
	used    map[string]bool   // ids of async spans
	order   []string          // threads, by their first event
	count   int               // events
	last    int64             // ns, of the last event
}

func (c *chromeReader) event(e *event) {
	thread := string(e.PID) + "/" + string(e.TID)
	c.count++
	s := Span{Name: string(e.Name), Begin: nanoseconds(float64(e.Time)), End: nanoseconds(float64(e.Time + max(e.Duration, 0))), order: c.count}
	c.last = max(c.last, s.End)
	switch e.Phase {
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
			c.Spans = append(c.Spans, s)
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
			c.Spans = append(c.Spans, s)
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
func (c *chromeReader) finish() {
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
		c.Spans = append(c.Spans, list...)
	}
}
