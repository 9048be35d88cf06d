package flame

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// SpeedscopeSchema is where the format of speedscope files is described.
const SpeedscopeSchema = "https://www.speedscope.app/file-format-schema.json"

// speedscopeFile is the file format of speedscope.
type speedscopeFile struct {
	Schema   string              `json:"$schema"`
	Name     string              `json:"name,omitempty"`
	Exporter string              `json:"exporter,omitempty"`
	Active   int                 `json:"activeProfileIndex"`
	Shared   speedscopeShared    `json:"shared"`
	Profiles []speedscopeProfile `json:"profiles"`
}

type speedscopeShared struct {
	Frames []speedscopeFrame `json:"frames"`
}

type speedscopeFrame struct {
	Name string `json:"name"`
}

type speedscopeProfile struct {
	Type    string            `json:"type"`
	Name    string            `json:"name"`
	Unit    string            `json:"unit"`
	Start   float64           `json:"startValue"`
	End     float64           `json:"endValue"`
	Samples [][]int32         `json:"samples"`
	Weights []float64         `json:"weights"`
	Events  []speedscopeEvent `json:"events,omitempty"`
}

type speedscopeEvent struct {
	Type  string  `json:"type"`
	At    float64 `json:"at"`
	Frame int32   `json:"frame"`
}

// WriteSpeedscope writes the stacks as a sampled profile for speedscope.
func (t *Tree) WriteSpeedscope(w io.Writer, title string, unit Unit) error {
	f := speedscopeFile{Schema: SpeedscopeSchema, Name: report.Line(title), Exporter: "mcpdiag"}
	f.Shared.Frames = []speedscopeFrame{}
	for i := range t.names.len() {
		f.Shared.Frames = append(f.Shared.Frames, speedscopeFrame{printable(t.name(int32(i)))})
	}
	p := speedscopeProfile{
		Type: "sampled", Name: f.Name, Unit: speedscopeUnit(unit), End: t.Total(),
		Samples: [][]int32{}, Weights: []float64{},
	}
	for c, stack := range t.stacks() {
		if c.self > 0 {
			p.Samples = append(p.Samples, append([]int32{}, stack...))
			p.Weights = append(p.Weights, c.self)
		}
	}
	f.Profiles = []speedscopeProfile{p}
	out := bufio.NewWriterSize(w, 1<<16)
	if err := json.NewEncoder(report.NewJSONWriter(out)).Encode(f); err != nil {
		return err
	}
	return out.Flush()
}

// printable is a name as it stands in a file for another program to show.
func printable(name string) string {
	if name == "" {
		return "(unnamed)"
	}
	return report.Line(name)
}

func speedscopeUnit(u Unit) string {
	switch u {
	case Millis:
		return "milliseconds"
	case Bytes:
		return "bytes"
	}
	return "none"
}

// ReadSpeedscope reads a speedscope file: all of its profiles, sampled and evented.
func ReadSpeedscope(r io.Reader, name string) (*Profile, error) {
	var f speedscopeFile
	data, err := whole(r)
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		return nil, fmt.Errorf("reading speedscope file %s: %w", name, err)
	}
	if len(f.Profiles) == 0 {
		return nil, fmt.Errorf("reading speedscope file %s: there is no profile in it", name)
	}
	s := &speedscopeReader{Profile: &Profile{Kind: Speed, builder: newBuilder()}, name: name}
	for _, frame := range f.Shared.Frames {
		s.frames = append(s.frames, s.builder.names.id([]byte(frame.Name)))
	}
	for i := range f.Profiles {
		if err := s.profile(&f.Profiles[i]); err != nil {
			return nil, fmt.Errorf("reading speedscope file %s: profile %d: %w", name, i, err)
		}
	}
	return s.Profile, nil
}

type speedscopeReader struct {
	*Profile
	name   string
	frames []int32 // the name of each frame of the file
	scale  float64
}

func (s *speedscopeReader) profile(p *speedscopeProfile) error {
	unit, scale := unitOf(p.Unit)
	if s.Unit != "" && s.Unit != unit {
		s.warn("%s counts %s in one profile and %s in another: their sum is neither", s.name, s.Unit, unit)
	}
	s.Unit, s.scale = unit, scale
	switch p.Type {
	case "sampled":
		return s.sampled(p)
	case "evented":
		return s.evented(p)
	}
	return fmt.Errorf("its type is %.40q, which is neither sampled nor evented", p.Type)
}

func (s *speedscopeReader) sampled(p *speedscopeProfile) error {
	if len(p.Samples) != len(p.Weights) {
		return fmt.Errorf("there are %d samples but %d weights", len(p.Samples), len(p.Weights))
	}
	for i, sample := range p.Samples {
		stack := make([]int32, len(sample))
		for j, frame := range sample {
			if frame < 0 || int(frame) >= len(s.frames) {
				return fmt.Errorf("sample %d has frame %d, of %d frames", i, frame, len(s.frames))
			}
			stack[j] = s.frames[frame]
		}
		if p.Weights[i] < 0 {
			return fmt.Errorf("the weight of sample %d is below zero", i)
		}
		s.builder.nodes[s.builder.insert(root, stack)].self += p.Weights[i] * s.scale
		s.Observed++
	}
	return nil
}

// evented turns frames that open and close into time: what passes between two
// events belongs to the frame that is open on top.
func (s *speedscopeReader) evented(p *speedscopeProfile) error {
	at, last := int32(root), p.Start
	var open []int32
	for i, e := range p.Events {
		if e.At < last || e.Frame < 0 || int(e.Frame) >= len(s.frames) {
			return fmt.Errorf("event %d is before the one before it, or of a frame that is not there", i)
		}
		s.builder.nodes[at].self += (e.At - last) * s.scale
		last = e.At
		switch {
		case e.Type == "O":
			open = append(open, e.Frame)
			at = s.builder.insert(at, []int32{s.frames[e.Frame]})
		case len(open) > 0 && open[len(open)-1] == e.Frame:
			open = open[:len(open)-1]
			at = s.above(at)
		default:
			return fmt.Errorf("event %d closes frame %d, which is not the last one opened", i, e.Frame)
		}
		s.Observed++
	}
	s.builder.nodes[root].self = 0 // nothing was open
	return nil
}

// above is the node of the frame that the frame of n stands on.
func (s *speedscopeReader) above(n int32) int32 {
	stack := s.builder.stack(nil, n)
	return s.builder.insert(root, stack[:len(stack)-1])
}
