package k6

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

//go:embed k6.js
var k6Runtime string

const k6Imports = `import http from 'k6/http';
import encoding from 'k6/encoding';
import exec from 'k6/execution';
import { SharedArray } from 'k6/data';
import { Counter, Rate, Trend } from 'k6/metrics';
import { check, randomSeed, sleep } from 'k6';

`

// Export writes the plan as a script for k6, which can run it on several machines. The
// script sends a token to the address of p only if the user named it.
func Export(w io.Writer, p *plan.Plan, named bool) error {
	data, err := newData(p)
	if err != nil {
		return err
	}
	data.Named = named
	opts, err := options(p, data)
	if err != nil {
		return err
	}
	// The plan is JSON, which is valid JavaScript.
	plan, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		return err
	}
	how, err := json.MarshalIndent(opts, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(report.NewJSONWriter(w), "// Written by mcpdiag loadtest export k6.\n%sconst PLAN = %s;\n\nexport const options = %s;\n\n%s", k6Imports, plan, how, k6Runtime)
	return err
}

// k6Data is the plan as the script reads it.
type k6Data struct {
	URL          string                `json:"url"`
	Named        bool                  `json:"named"` // the user named URL, and not the plan
	Protocol     string                `json:"protocol"`
	Timeout      string                `json:"timeout"`
	Seed         uint32                `json:"seed"`
	Users        int                   `json:"users"`
	SessionCalls int                   `json:"sessionCalls"`
	End          plan.End              `json:"end"`
	Think        k6Think               `json:"think"`
	Burst        *k6Burst              `json:"burst"`
	Weight       int                   `json:"weight"`
	Steps        []k6Step              `json:"steps"`
	Stages       map[string]k6Stage    `json:"stages"` // by scenario
	Feeds        map[string][][]string `json:"feeds"`
}

type k6Think struct {
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	Median float64 `json:"median"`
	Sigma  float64 `json:"sigma"`
}

type k6Burst struct {
	Calls int     `json:"calls"`
	Rest  float64 `json:"rest"`
}

type k6Step struct {
	Kind   plan.Kind `json:"kind"`
	Name   string    `json:"name"`
	Tag    string    `json:"tag"`
	Weight int       `json:"weight"`
	Args   []any     `json:"args,omitempty"` // texts and actions
}

type k6Action struct {
	Verb   plan.Verb `json:"verb"`
	Number bool      `json:"number,omitempty"`
	Words  []string  `json:"words,omitempty"`
	Low    int64     `json:"low,omitempty"`
	High   int64     `json:"high,omitempty"`
	Feed   string    `json:"feed,omitempty"`
	Column int       `json:"column,omitempty"`
}

type k6Stage struct {
	Users    int     `json:"users"`
	Calls    int     `json:"calls"`
	Duration float64 `json:"duration"`
	RampUp   float64 `json:"rampUp"`
	Rounds   int     `json:"rounds"`
	Delay    float64 `json:"delay"`
	Counts   bool    `json:"counts"` // false in the warm-up
}

// exchangeTimeout is the timeout of an exchange, the default of loadtest.
const exchangeTimeout = 30 * time.Second

func newData(p *plan.Plan) (*k6Data, error) {
	d := &k6Data{
		URL: p.URL, Protocol: p.Protocol, Timeout: exchangeTimeout.String(), Seed: uint32(p.Seed), //nolint:gosec // any seed is as good
		SessionCalls: p.SessionCalls, End: p.End, Stages: map[string]k6Stage{}, Feeds: map[string][][]string{},
		Think: k6Think{p.Think.Least.Seconds(), p.Think.Most.Seconds(), p.Think.Median.Seconds(), p.Think.Sigma},
	}
	if p.Burst.Calls > 0 {
		d.Burst = &k6Burst{p.Burst.Calls, p.Burst.Rest.Seconds()}
	}
	if p.URL == "" {
		d.URL = "http://localhost:3100/mcp"
	}
	if len(p.Steps) == 0 {
		return nil, errors.New(`the plan names no steps; "mcpdiag loadtest init URL" writes one with the tools of a server`)
	}
	for i := range p.Steps {
		step, err := d.step(&p.Steps[i], i)
		if err != nil {
			return nil, err
		}
		d.Steps = append(d.Steps, step)
		d.Weight += step.Weight
	}
	for _, s := range p.Stages {
		d.Users = max(d.Users, s.Users)
	}
	return d, nil
}

// plainTag matches the tags that selectors of k6's thresholds can express.
var plainTag = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

func tag(s *plan.Step, i int) string {
	if label := s.Label(); plainTag.MatchString(label) {
		return label
	}
	return fmt.Sprintf("step%d", i)
}

func (d *k6Data) step(s *plan.Step, i int) (k6Step, error) {
	if s.Kind == plan.CallTool && s.Args.IsZero() {
		return k6Step{}, fmt.Errorf("step %s has no arguments, and a script cannot make them from the server's schema; write args: {} if it takes none", report.Cell(s.Label(), 60))
	}
	out := k6Step{Kind: s.Kind, Name: s.Name, Tag: tag(s, i), Weight: max(s.Weight, 1)}
	for _, part := range s.Args.Parts {
		a := part.Action
		if a == nil {
			out.Args = append(out.Args, string(part.Fixed))
			continue
		}
		made := k6Action{Verb: a.Verb, Number: a.Number, Words: a.Words, Low: a.Low, High: a.High, Column: a.Column}
		if a.Feed != nil {
			made.Feed = a.Feed.Name
			d.Feeds[a.Feed.Name] = a.Feed.Rows
		}
		out.Args = append(out.Args, made)
	}
	return out, nil
}
