package write

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// speedscopeSchema is where the format of speedscope files is described.
const speedscopeSchema = "https://www.speedscope.app/file-format-schema.json"

type speedscopeFile struct {
	Schema   string `json:"$schema"`
	Name     string `json:"name,omitempty"`
	Exporter string `json:"exporter,omitempty"`
	Active   int    `json:"activeProfileIndex"`
	Shared   struct {
		Frames []speedscopeFrame `json:"frames"`
	} `json:"shared"`
	Profiles []speedscopeProfile `json:"profiles"`
}

type speedscopeFrame struct {
	Name string `json:"name"`
}

type speedscopeProfile struct {
	Type    string    `json:"type"`
	Name    string    `json:"name"`
	Unit    string    `json:"unit"`
	Start   float64   `json:"startValue"`
	End     float64   `json:"endValue"`
	Samples [][]int32 `json:"samples"`
	Weights []float64 `json:"weights"`
}

// Speedscope writes the stacks as a sampled profile for speedscope.
func Speedscope(w io.Writer, t *stacks.Tree, title string, unit stacks.Unit) error {
	if err := checkSize(t); err != nil {
		return err
	}
	f := speedscopeFile{Schema: speedscopeSchema, Name: report.Line(title), Exporter: "mcpdiag"}
	f.Shared.Frames = []speedscopeFrame{}
	for _, name := range t.Names {
		f.Shared.Frames = append(f.Shared.Frames, speedscopeFrame{stacks.Printable(name)})
	}
	p := speedscopeProfile{
		Type: "sampled", Name: f.Name, Unit: speedscopeUnit(unit), End: t.Total(),
		Samples: [][]int32{}, Weights: []float64{},
	}
	for n, stack := range t.Stacks() {
		if n.Self > 0 {
			p.Samples = append(p.Samples, slices.Clone(stack))
			p.Weights = append(p.Weights, n.Self)
		}
	}
	f.Profiles = []speedscopeProfile{p}
	out := bufio.NewWriterSize(w, 1<<16)
	if err := json.NewEncoder(report.NewJSONWriter(out)).Encode(f); err != nil {
		return err
	}
	return out.Flush()
}

func speedscopeUnit(u stacks.Unit) string {
	switch u {
	case stacks.Millis:
		return "milliseconds"
	case stacks.Bytes:
		return "bytes"
	}
	return "none"
}
