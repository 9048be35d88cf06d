package read

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// speedscopeFile is a file of speedscope.
type speedscopeFile struct {
	Shared struct {
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
	Events  []struct {
		Type  string  `json:"type"`
		At    float64 `json:"at"`
		Frame int32   `json:"frame"`
	} `json:"events"`
}

// readSpeedscope reads the profiles of a speedscope file, sampled and evented.
func readSpeedscope(data []byte, _ Options) ([]*stacks.Profile, error) {
	var f speedscopeFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	var list []*stacks.Profile
	for i := range f.Profiles {
		src := &f.Profiles[i]
		s := &speedscopeReader{speedscopeProfile: src, frames: f.Shared.Frames}
		unit, scale := stacks.UnitOf(src.Unit)
		s.Profile, s.scale = stacks.NewProfile(Speedscope, unit), scale
		s.Profile.Name = src.Name
		if err := s.read(); err != nil {
			return nil, fmt.Errorf("profile %d: %w", i+1, err)
		}
		list = append(list, s.Profile)
	}
	return list, nil
}

// speedscopeReader reads one profile of a file.
type speedscopeReader struct {
	*stacks.Profile
	*speedscopeProfile
	frames []speedscopeFrame // of all profiles
	scale  float64
}

func (s *speedscopeReader) read() (err error) {
	switch s.Type {
	case "sampled":
		err = s.sampled()
	case "evented":
		err = s.evented()
	default:
		err = fmt.Errorf("its type is %.40q, which is neither sampled nor evented", s.Type)
	}
	s.Nodes[stacks.Root].Self = 0 // nothing was open
	return err
}

func (s *speedscopeReader) sampled() error {
	if len(s.Samples) != len(s.Weights) {
		return fmt.Errorf("there are %d samples but %d weights", len(s.Samples), len(s.Weights))
	}
	for i, sample := range s.Samples {
		at := stacks.Root
		for _, frame := range sample {
			if frame < 0 || int(frame) >= len(s.frames) {
				return fmt.Errorf("sample %d has frame %d, of %d frames", i, frame, len(s.frames))
			}
			at = s.Under(at, s.frames[frame].Name)
		}
		if s.Weights[i] < 0 {
			return fmt.Errorf("the weight of sample %d is negative", i)
		}
		s.Nodes[at].Self += s.Weights[i] * s.scale
		s.Observed++
	}
	return nil
}

// jitter is how far, as a share of its size, a time may lie before the one
// before it. Profilers add up fractions.
const jitter = 1e-9

// evented turns frames that open and close into time: the time between two events
// belongs to the innermost open frame.
func (s *speedscopeReader) evented() error {
	at, last := stacks.Root, s.Start
	var open []int32
	for i, e := range s.Events {
		if e.At < last && last-e.At <= jitter*math.Max(1, math.Abs(last)) {
			e.At = last
		}
		if e.At < last || e.Frame < 0 || int(e.Frame) >= len(s.frames) {
			return fmt.Errorf("event %d is earlier than the one before it, or of a frame that does not exist", i)
		}
		s.Nodes[at].Self += (e.At - last) * s.scale
		last = e.At
		switch {
		case e.Type == "O":
			open = append(open, e.Frame)
			at = s.Under(at, s.frames[e.Frame].Name)
		case len(open) > 0 && open[len(open)-1] == e.Frame:
			open = open[:len(open)-1]
			at = s.Nodes[at].Parent
		default:
			return fmt.Errorf("event %d closes frame %d, which is not the last one opened", i, e.Frame)
		}
	}
	if len(open) > 0 {
		s.Nodes[at].Self += math.Max(s.End-last, 0) * s.scale
		s.Warn("%s not closed in the file; they end with the profile", stacks.Plural(float64(len(open)), "frame"))
	}
	return nil
}
