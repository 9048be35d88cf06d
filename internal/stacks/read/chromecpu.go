package read

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/spans"
)

// spansName chooses the spans of a trace that has samples, too.
const spansName = "spans"

// readChrome reads Chrome trace events: the CPU profiles in it, one for each thread, or
// else the spans. The time of both has no sum.
func readChrome(data []byte, o Options) ([]*stacks.Profile, error) {
	recording, err := spans.Chrome(data)
	if err != nil {
		return nil, err
	}
	list, err := chromeProfiles(recording.Chunks)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || o.Profile == spansName {
		p, err := spans.Profile(ChromeEvents, recording)
		if err == nil {
			p.Name = spansName
		}
		return []*stacks.Profile{p}, err
	}
	if n := len(recording.Spans); n > 0 {
		list[0].Warn("the file contains %s beside the samples of a CPU profile; --profile %s shows them", report.Plural(int64(n), "span"), spansName)
	}
	return list, nil
}

// chromeChunk is a part of a CPU profile of V8, as an event: the first one of a profile has
// the start, the others have nodes and samples. Older events hold a whole profile.
type chromeChunk struct {
	PID  json.RawMessage `json:"pid"`
	TID  json.RawMessage `json:"tid"`
	ID   json.RawMessage `json:"id"`
	Time float64         `json:"ts"`
	Args struct {
		Data struct {
			CPUProfile cpuProfile `json:"cpuProfile"`
			StartTime  float64    `json:"startTime"` // µs
			EndTime    float64    `json:"endTime"`
			TimeDeltas []float64  `json:"timeDeltas"`
		} `json:"data"`
	} `json:"args"`
}

// chromeProfiles joins the parts of each profile.
func chromeProfiles(events []json.RawMessage) ([]*stacks.Profile, error) {
	chunks := make([]chromeChunk, len(events))
	for i, raw := range events {
		if err := json.Unmarshal(raw, &chunks[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(chunks, func(a, b chromeChunk) int { return cmp.Compare(a.Time, b.Time) })
	whole, order := map[string]*cpuProfile{}, []string{}
	for i := range chunks {
		id := fmt.Sprintf("%s/%s", chunks[i].PID, chunks[i].ID)
		if whole[id] == nil {
			whole[id] = &cpuProfile{title: fmt.Sprintf("process %s, thread %s", chunks[i].PID, chunks[i].TID)}
			order = append(order, id)
		}
		whole[id].join(&chunks[i])
	}
	var list []*stacks.Profile
	for _, id := range order {
		if len(whole[id].Nodes) == 0 {
			continue
		}
		p, err := whole[id].profile()
		if err != nil {
			return nil, fmt.Errorf("the CPU profile of %s: %w", whole[id].title, err)
		}
		p.Name = whole[id].title
		list = append(list, p)
	}
	return list, nil
}

// join adds a part of the profile.
func (c *cpuProfile) join(chunk *chromeChunk) {
	data := &chunk.Args.Data
	part := &data.CPUProfile
	c.Nodes = append(c.Nodes, part.Nodes...)
	c.Samples = append(c.Samples, part.Samples...)
	c.TimeDeltas = append(append(c.TimeDeltas, part.TimeDeltas...), data.TimeDeltas...)
	c.StartTime = max(c.StartTime, data.StartTime, part.StartTime)
	c.EndTime = max(c.EndTime, data.EndTime, part.EndTime)
}
