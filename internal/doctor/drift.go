package doctor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Observed are the figures of a run that a later run is compared with.
type Observed struct {
	Server      string     `json:"server,omitempty"`
	Revisions   []string   `json:"revisions,omitempty"`
	Listed      bool       `json:"listed"` // the tools were listed
	Tools       []ToolMark `json:"tools,omitempty"`
	Tokens      int        `json:"tokens,omitempty"`            // of all tools, about
	LatencyMs   float64    `json:"latency_ms,omitempty"`        // median
	LowestMs    float64    `json:"latency_lowest_ms,omitempty"` // lowest of the same requests
	Samples     int        `json:"latency_samples,omitempty"`
	Certificate string     `json:"certificate,omitempty"` // fingerprint
	Addresses   []string   `json:"addresses,omitempty"`
}

// line says in words how far an interrupted run came.
func (o Observed) line() string {
	switch {
	case o.Server == "":
		return "Until then: no handshake."
	case !o.Listed:
		return "Until then: a handshake with " + o.Server + "."
	}
	return "Until then: a handshake with " + o.Server + ", which lists " + report.Plural(int64(len(o.Tools)), "tool") + "."
}

// ToolMark identifies a tool as a server describes it.
type ToolMark struct {
	Name string `json:"name"`
	Hash string `json:"hash"` // of name, description and schemas
}

// observe returns the figures of the facts.
func observe(f *facts.Facts) Observed {
	o := Observed{}
	if f.Entry().Result() {
		o.Server = f.ServerName()
	}
	if version := f.First("initialize").Message.Handshake().Version; version != "" {
		o.Revisions = append(o.Revisions, version)
	}
	if f.SpeaksModern() {
		o.Revisions = append(o.Revisions, facts.Modern)
	}
	if f.Tools != nil {
		o.Listed, o.Tokens = true, f.Tools.Bytes/rules.BytesPerToken
		for _, t := range f.Tools.Tools {
			o.Tools = append(o.Tools, ToolMark{Name: t.Label(), Hash: toolHash(t)})
		}
	}
	var times []float64
	for _, x := range f.Probe("latency") {
		if x.Status != 0 && x.Reused {
			times = append(times, x.Timing.FirstByte)
		}
	}
	if slices.Sort(times); len(times) > 0 {
		o.LatencyMs, o.LowestMs, o.Samples = times[len(times)/2], times[0], len(times)
	}
	for _, h := range f.Network.TLS {
		o.Certificate = h.Fingerprint
	}
	for _, a := range f.Network.Addresses {
		if host, _, err := net.SplitHostPort(a.Address); err == nil {
			o.Addresses = append(o.Addresses, host)
		}
	}
	slices.Sort(o.Addresses)
	return o
}

// toolHash returns a short hash of the name, the texts and the schemas of the tool.
func toolHash(t facts.ToolFact) string {
	t.Page, t.Bytes, t.Annotations = 0, 0, nil
	data, err := json.Marshal(t)
	if err != nil { // a schema that is not JSON
		data = fmt.Appendf(nil, "%q", []string{t.Name, t.Title, t.Description, string(t.Input), string(t.Output)})
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// ReadBaseline reads the JSON of an earlier run.
func ReadBaseline(data []byte) (*Result, error) {
	var r Result
	if err := json.Unmarshal(data, &r); err != nil || r.Schema != Schema {
		return nil, fmt.Errorf("not a result that doctor --format json wrote (want the schema %s)", Schema)
	}
	if r.Verdict == Interrupted {
		return nil, errors.New("the run that wrote it was interrupted, so nothing can be compared with it")
	}
	return &r, nil
}

// Comparable returns an error if the baseline is about another target than the facts.
func Comparable(f *facts.Facts, old *Result) error {
	if old.Target == f.Target {
		return nil
	}
	return errors.New("it is about " + report.Line(old.Target) + ", not about " + report.Line(f.Target) + "; --baseline-any compares them anyway")
}

// driftGroup is the group of the comparisons with a baseline.
const driftGroup = "drift"

// The bounds of drift that is worth a warning.
const (
	moreTokens  = 1.2 // times as many
	moreLatency = 2   // times as long, and
	leastSlower = 50  // milliseconds more, in each request
)

// drift compares r with an earlier run of it.
func (r *Result) drift(old *Result) []rules.Check {
	now, was := r.Observed, old.Observed
	return []rules.Check{r.statusDrift(old), toolDrift(was, now), tokenDrift(was, now), latencyDrift(was, now), identityDrift(was, now)}
}

func drifted(id string, s finding.Severity, summary, hint string, evidence ...string) rules.Check {
	c := rules.Check{Shows: s == finding.Info || id == "status", Finding: finding.Finding{ID: driftGroup + "." + id, Group: driftGroup, Severity: s, Summary: summary, Hint: hint}}
	for _, text := range evidence {
		c.Evidence = append(c.Evidence, finding.Evidence{Text: text})
	}
	return c
}

// statusDrift marks the failures that the baseline has, too, and names the others. A
// failure of the baseline that is not judged now is not said to be fixed.
func (r *Result) statusDrift(old *Result) rules.Check {
	was := map[string]bool{}
	for _, c := range old.Checks {
		was[c.ID] = c.Severity == finding.Fail
	}
	var fresh, fixed []string
	for i, c := range r.Checks {
		switch {
		case c.Severity == finding.Fail && was[c.ID]:
			r.Checks[i].Known = true
		case c.Severity == finding.Fail:
			fresh = append(fresh, c.ID)
		case c.Severity != finding.Skip && was[c.ID]:
			fixed = append(fixed, c.ID)
		}
	}
	var parts []string
	if len(fresh) > 0 {
		parts = append(parts, "new: "+strings.Join(fresh, ", "))
	}
	if len(fixed) > 0 {
		parts = append(parts, "fixed: "+strings.Join(fixed, ", "))
	}
	if len(parts) == 0 {
		return drifted("status", finding.Pass, "no failure is new, none is fixed", "")
	}
	return drifted("status", finding.Info, strings.Join(parts, "; "), "")
}

func toolDrift(was, now Observed) rules.Check {
	if !was.Listed || !now.Listed {
		return drifted("tools", finding.Skip, "no tools to compare", "")
	}
	before, after := map[string]string{}, map[string]string{}
	for _, t := range was.Tools {
		before[t.Name] = t.Hash
	}
	var changes []string
	for _, t := range now.Tools {
		after[t.Name] = t.Hash
		switch hash, known := before[t.Name]; {
		case !known:
			changes = append(changes, "added: "+t.Name)
		case hash != t.Hash:
			changes = append(changes, "changed: "+t.Name)
		}
	}
	for _, t := range was.Tools {
		if _, still := after[t.Name]; !still {
			changes = append(changes, "removed: "+report.Cell(t.Name, 64))
		}
	}
	if len(changes) == 0 {
		return drifted("tools", finding.Pass, "the tools are the same", "")
	}
	return drifted("tools", finding.Warn, rules.Counted(len(changes), "tool is", "tools are")+" other than in the baseline",
		"look at what models are now told, and write a new baseline if it is meant", changes...)
}

func tokenDrift(was, now Observed) rules.Check {
	if !was.Listed || !now.Listed {
		return drifted("tokens", finding.Skip, "no tools to compare", "")
	}
	text := fmt.Sprintf("the tools take about %s tokens, %s before", report.Count(int64(now.Tokens)), report.Count(int64(was.Tokens)))
	if was.Tokens > 0 && float64(now.Tokens) > moreTokens*float64(was.Tokens) {
		return drifted("tokens", finding.Warn, text, "shorten descriptions and schemas")
	}
	return drifted("tokens", finding.Pass, text, "")
}

func latencyDrift(was, now Observed) rules.Check {
	if was.Samples == 0 || now.Samples == 0 {
		return drifted("latency", finding.Skip, "no latency to compare", "")
	}
	text := fmt.Sprintf("median latency %.0f ms of %d requests, %.0f ms of %d before", now.LatencyMs, now.Samples, was.LatencyMs, was.Samples)
	if now.LowestMs > max(moreLatency*was.LatencyMs, was.LatencyMs+leastSlower) {
		c := drifted("latency", finding.Warn, text, "measure it under load before and after the change")
		c.Next = "mcpdiag loadtest --find-knee"
		return c
	}
	return drifted("latency", finding.Pass, text, "")
}

// identityDrift compares versions and addresses, which may change without a fault.
func identityDrift(was, now Observed) rules.Check {
	var changes []string
	for _, part := range []struct{ name, was, now string }{
		{"server", was.Server, now.Server},
		{"revisions", strings.Join(was.Revisions, ", "), strings.Join(now.Revisions, ", ")},
		{"certificate", was.Certificate, now.Certificate},
		{"addresses", strings.Join(was.Addresses, ", "), strings.Join(now.Addresses, ", ")},
	} {
		if part.was != part.now && part.was != "" && part.now != "" {
			changes = append(changes, fmt.Sprintf("%s: %s → %s", part.name, report.Cell(part.was, 60), report.Cell(part.now, 60)))
		}
	}
	if len(changes) == 0 {
		return drifted("identity", finding.Pass, "version, certificate and addresses are the same", "")
	}
	return drifted("identity", finding.Info, "changed: "+strings.Join(changes, "; "), "")
}
