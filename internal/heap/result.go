package heap

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Schema is the name of the JSON document.
const Schema = "mcpdiag.heap/1"

// Verdicts.
const (
	Grows    finding.Verdict = "grows"    // objects are kept per operation
	Steady   finding.Verdict = "steady"   // no holder, line or class reaches the limits
	Measured finding.Verdict = "measured" // nothing is judged: the number of operations is unknown, or nothing explains large growth
)

// Result is the result of mcpdiag heap. Figures per operation are absent if the
// number of operations is unknown.
type Result struct {
	Schema     string          `json:"schema"`
	Verdict    finding.Verdict `json:"verdict"`
	Headline   string          `json:"headline"`
	A          *Side           `json:"a,omitempty"`
	B          Side            `json:"b"`
	Operations int             `json:"operations,omitempty"`
	Holders    []Holder        `json:"holders,omitempty"`
	Classes    []Class         `json:"classes,omitempty"`
	Sites      []Site          `json:"sites,omitempty"`
	Goroutines []Site          `json:"goroutines,omitempty"` // by the place where they wait; the objects are goroutines
	Largest    []Object        `json:"largest,omitempty"`
	Warnings   []string        `json:"warnings,omitempty"`

	byClass bool // classes are all that is known
}

// Side is one file.
type Side struct {
	Name    string        `json:"name"`
	Format  stacks.Format `json:"format"`
	Objects int64         `json:"objects,omitempty"`
	Bytes   int64         `json:"bytes"`
}

// Kept is a number of objects and their bytes.
type Kept struct {
	Objects             int64    `json:"objects"`
	Bytes               int64    `json:"bytes"`
	ObjectsPerOperation *float64 `json:"objects_per_operation,omitempty"`
	BytesPerOperation   *float64 `json:"bytes_per_operation,omitempty"`
}

// keep returns the figures per operation too, if their number is known.
func keep(objects, bytes int64, operations int) Kept {
	k := Kept{Objects: objects, Bytes: bytes}
	if operations > 0 {
		perObject, perByte := float64(objects)/float64(operations), float64(bytes)/float64(operations)
		k.ObjectsPerOperation, k.BytesPerOperation = &perObject, &perByte
	}
	return k
}

// Holder is an object that existed before and holds new ones.
type Holder struct {
	Path  string `json:"path"`
	Class string `json:"class"`
	ID    uint32 `json:"id"`
	Kept
	Retained int64   `json:"retained_bytes"` // would be freed with the holder
	Classes  []Class `json:"classes"`        // of the new objects

	// Larger is the bytes by which its storage grew, such as the elements of an array of numbers.
	Larger int64 `json:"larger_bytes,omitempty"`

	// Instances is the number of objects with this path and class that hold new ones.
	Instances int `json:"instances"`
	nodes     []uint32
	Judged    bool `json:"kept_per_operation"`
}

// name returns the path with the class.
func (h *Holder) name() string {
	if h.Path == "" {
		return h.Class
	}
	return fmt.Sprintf("%s (%s)", h.Path, h.Class)
}

// Class is the objects of one class.
type Class struct {
	Name string `json:"name"`
	Kept
	Retained int64 `json:"retained_bytes,omitempty"`
	Judged   bool  `json:"kept_per_operation,omitempty"` // only in a class histogram: holders are judged in a snapshot
}

// Site is a place in a program that allocated memory.
type Site struct {
	Name    string   `json:"name"`
	Callers []string `json:"callers,omitempty"` // the nearest first
	Kept
	Judged bool `json:"kept_per_operation"`
}

// Object is one object of a snapshot.
type Object struct {
	Path     string `json:"path"`
	Class    string `json:"class"`
	ID       uint32 `json:"id"`
	Retained int64  `json:"retained_bytes"`
}

// maxFindings is the number of holders, lines or classes that become findings.
const maxFindings = 10

// Report returns the conclusions in the common form.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{Command: "mcpdiag heap", Verdict: r.Verdict, Headline: r.Headline, Severity: finding.Info, Warnings: r.Warnings}
	for i := range r.Holders {
		if h := &r.Holders[i]; h.Judged {
			rep.Findings = append(rep.Findings, finding.Finding{ID: "heap.holder", Severity: finding.Fail, Summary: h.sentence(), Evidence: evidence(h.Classes)})
		}
	}
	for i := range r.Sites {
		if s := &r.Sites[i]; s.Judged && r.Verdict == Grows { // sampled beside snapshots, they do not decide
			rep.Findings = append(rep.Findings, finding.Finding{ID: "heap.site", Severity: finding.Fail, Summary: s.sentence()})
		}
	}
	for i := range r.Goroutines {
		if s := &r.Goroutines[i]; s.Judged {
			rep.Findings = append(rep.Findings, finding.Finding{ID: "heap.goroutines", Severity: finding.Fail, Summary: s.waiting()})
		}
	}
	for i := range r.Classes {
		if c := &r.Classes[i]; c.Judged {
			rep.Findings = append(rep.Findings, finding.Finding{ID: "heap.class", Severity: finding.Fail, Summary: c.sentence()})
		}
	}
	rep.Findings = rep.Findings[:min(len(rep.Findings), maxFindings)]
	switch r.Verdict {
	case Grows:
		rep.Outcome, rep.Severity = finding.Found, finding.Fail
	case Steady:
		rep.Severity = finding.Pass
	}
	rep.Tables = r.Tables()
	return rep
}

func evidence(classes []Class) []finding.Evidence {
	var list []finding.Evidence
	for _, c := range classes {
		list = append(list, finding.Evidence{Source: c.Name, Text: c.describe()})
	}
	return list
}

// describe writes objects and bytes, per operation if that is known.
func (k *Kept) describe() string {
	switch {
	case k.ObjectsPerOperation == nil && k.Objects <= 0: // they are unknown, or became larger
		return size(float64(k.Bytes))
	case k.ObjectsPerOperation == nil:
		return report.Plural(k.Objects, "object") + " (" + size(float64(k.Bytes)) + ")"
	case *k.ObjectsPerOperation < 0.05: // it would be 0.0
		return size(*k.BytesPerOperation) + " per operation"
	}
	return perOperation(*k.ObjectsPerOperation) + " objects (" + size(*k.BytesPerOperation) + ") per operation"
}

func (h *Holder) sentence() string {
	text := h.describe() + " stay in " + h.name()
	if h.Larger > h.Bytes/2 {
		text = h.describe() + " are in larger storage of " + h.name()
	}
	if h.Instances > 1 {
		text += ", " + report.Count(int64(h.Instances)) + " of them"
	}
	return text
}

func (s *Site) sentence() string {
	text := s.describe() + " stay, allocated in " + s.Name
	if len(s.Callers) > 0 {
		text += ", called by " + s.Callers[0]
	}
	return text
}

// waiting is the sentence of goroutines.
func (s *Site) waiting() string {
	text := report.Plural(s.Objects, "goroutine")
	if s.ObjectsPerOperation != nil {
		text = perOperation(*s.ObjectsPerOperation) + " goroutines per operation"
	}
	text += " stay, waiting in " + s.Name
	if len(s.Callers) > 0 {
		text += ", called by " + s.Callers[0]
	}
	return text
}

// size writes bytes.
func size(bytes float64) string {
	if bytes == 0 {
		return "0 B"
	}
	return report.MB(bytes / (1 << 20))
}

// perOperation writes a number of objects per operation.
func perOperation(v float64) string {
	if v >= 10 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}
