package flame

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

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
	if p.calls == nil || len(p.calls.spans) == 0 {
		return errNoTime
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
	for _, s := range p.calls.spans {
		if err := emit(s.events(pids[s.Target])...); err != nil {
			return err
		}
	}
	if _, err := out.WriteString("\n]}\n"); err != nil {
		return err
	}
	return out.Flush()
}

func (s *Span) events(pid int) []traceEvent {
	e := traceEvent{
		Name: printable(s.Name), Phase: "b", Cat: "call", ID: strconv.Itoa(s.Serial), PID: pid, TID: 1,
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
