package flame

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// ErrNoTime is the error of outputs that show time, if the input has none.
var ErrNoTime = errors.New("only a trace tells when calls were made; this input has stacks alone")

// HasTime reports whether the place of each call in time is known.
func (p *Profile) HasTime() bool { return p.Calls != nil && len(p.Calls.Spans) > 0 }

// Flamechart draws the calls of a trace in the order of time.
func (p *Profile) Flamechart(w io.Writer, pic picture.Picture, maxFrames int) error {
	if !p.HasTime() {
		return ErrNoTime
	}
	return picture.Chart(w, p.Tree(), p.Calls.Spans, p.Watch.From, p.Watch.To, pic, maxFrames)
}

// traceEvent is an event of the Chrome trace format. Calls are async events,
// which may overlap.
type traceEvent struct {
	Name  string            `json:"name"`
	Phase string            `json:"ph"`
	Cat   string            `json:"cat,omitempty"`
	ID    string            `json:"id,omitempty"`
	PID   int               `json:"pid"`
	TID   int               `json:"tid"`
	Time  int64             `json:"ts"` // µs
	Args  map[string]string `json:"args,omitempty"`
}

// WriteChrome writes the calls of a trace for chrome://tracing and Perfetto.
func (p *Profile) WriteChrome(w io.Writer) error {
	if !p.HasTime() {
		return ErrNoTime
	}
	out := bufio.NewWriterSize(w, 1<<16)
	clean := report.NewJSONWriter(out)
	pids := map[string]int{}
	sep := `{"displayTimeUnit":"ms","traceEvents":[` + "\n"
	emit := func(events ...traceEvent) error {
		for _, e := range events {
			line, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := clean.Write(append([]byte(sep), line...)); err != nil {
				return err
			}
			sep = ",\n"
		}
		return nil
	}
	for i, target := range p.Watch.Targets {
		pids[target] = i + 1
		name := map[string]string{"name": report.Line(target)}
		if err := emit(traceEvent{Name: "process_name", Phase: "M", PID: i + 1, Args: name}); err != nil {
			return err
		}
	}
	for _, s := range p.Calls.Spans {
		if err := emit(events(&s, pids[s.Target])...); err != nil {
			return err
		}
	}
	if _, err := out.WriteString("\n]}\n"); err != nil {
		return err
	}
	return out.Flush()
}

func events(s *fold.Span, pid int) []traceEvent {
	e := traceEvent{
		Name: stacks.Printable(s.Name), Phase: "b", Cat: "call", ID: strconv.Itoa(s.Serial), PID: pid, TID: 1,
		Time: s.Begin.UnixMicro(), Args: map[string]string{"id": report.Line(s.ID)},
	}
	if s.Session != "" {
		e.Args["session"] = report.Line(s.Session)
	}
	if s.Parent != 0 {
		e.Args["parent"] = strconv.Itoa(s.Parent)
	}
	end := e
	end.Phase, end.Time, end.Args = "e", s.End.UnixMicro(), nil
	return []traceEvent{e, end}
}
