package knee

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// Schema names the form of the JSON of a Knee.
const Schema = "mcpdiag.loadtest.knee/2"

// Knee is the result of a search: the measured levels and the conclusions from them.
type Knee struct {
	Schema    string         `json:"schema"`
	StartedAt time.Time      `json:"startedAt"`
	Verdict   result.Verdict `json:"verdict"`
	Reasons   []string       `json:"reasons,omitempty"`
	URL       string         `json:"url"`
	Server    string         `json:"server,omitempty"`
	Protocol  string         `json:"protocol"`
	Tool      string         `json:"tool"`

	Steps       []Step     `json:"steps"` // ordered by load
	Objective   *Objective `json:"objective,omitempty"`
	Plateau     *Plateau   `json:"plateau,omitempty"` // absent if throughput kept growing
	Interrupted bool       `json:"interrupted,omitempty"`
	Unfinished  *Step      `json:"unfinished,omitempty"` // the level that an interruption ended
	Warnings    []string   `json:"warnings,omitempty"`
}

// Step is a measured level.
type Step struct {
	result.StepResult
	Little  float64  `json:"little"`            // throughput × mean latency / calls in flight: 1 if the generator counts correctly
	Crossed []string `json:"crossed,omitempty"` // objectives that failed
}

// Objective says up to which load a service objective holds.
type Objective struct {
	Text         string        `json:"text"`
	LastPassing  *result.Level `json:"lastPassing,omitempty"`  // absent if the lowest load fails
	FirstFailing *result.Level `json:"firstFailing,omitempty"` // absent if every load passes
}

// Plateau is the range of loads in which more load gives no more throughput.
type Plateau struct {
	At         result.Level `json:"at"`         // first level on the plateau
	Why        string       `json:"why"`        // the rules that put its levels on it, each with the levels for which it holds
	Throughput float64      `json:"throughput"` // height, in calls per second
	Knee       float64      `json:"knee"`       // load at which the first users' throughput, extrapolated, meets the plateau
	Measured   Step         `json:"measured"`   // lowest level that reaches the plateau: the knee as it is reported
	Low        result.Level `json:"low"`        // the knee lies between these levels
	High       result.Level `json:"high"`
}

// Describe copies the server's name and address from res.
func (k *Knee) Describe(res *result.Result) {
	k.URL, k.Server, k.Protocol, k.Tool = res.URL, res.Server, res.Protocol, res.Tool
	k.Warnings = append(res.Warnings, k.Warnings...)
}
