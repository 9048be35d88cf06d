package rules

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// enoughSamples is the number of samples that rules of shares need. With fewer, a single
// one would move a share by more than the rules look for.
const enoughSamples = 30

// Thresholds of the rules that look at shares of the whole.
const (
	plateauShare = 0.10
	tallShare    = 0.95 // of its parent that a frame of a tall stack has
	tallLevels   = 8
	leastShare   = 0.05 // of any other pattern, and of a table of names
	maxPerRule   = 5
)

// Names returns the names of the rules, in the order of their findings.
func Names() []string {
	return []string{
		"never-ended", "plateau", "tall-stack", "recursion", "n-plus-one", "blocking-io", "json", "regex", "database", "lock", "stuck", "queue",
	}
}

// Finding is a pattern that deserves attention: the frames, the weight, the usual
// meaning and the advice.
type Finding struct {
	Rule   string   `json:"rule"`
	Frames []string `json:"frames"`
	Weight float64  `json:"weight,omitempty"`
	Share  float64  `json:"share,omitempty"` // of the whole
	Count  int      `json:"count,omitempty"` // calls, levels, rounds or polls
	Says   string   `json:"says"`
	Means  string   `json:"means"`
	Do     string   `json:"do"`
}

// Finding returns the finding in the form that all commands share. Severity says
// how serious it is for the outcome of the run.
func (f *Finding) Finding(severity finding.Severity) finding.Finding {
	return finding.Finding{
		ID: "flame." + f.Rule, Group: "flame", Severity: severity, Summary: f.Says, Hint: f.Do,
		Evidence: []finding.Evidence{{Source: "frames", Text: strings.Join(f.Frames, " > ")}, {Text: f.Means}},
	}
}

//go:embed assets/findings.json
var findingsJSON []byte

// rulebook is assets/findings.json. Memory has its own words for the rules that it
// shares with time.
type rulebook struct {
	Rules  map[string]advice `json:"rules"`
	Memory map[string]advice `json:"memory"`
	Tables []nameTable       `json:"tables"`
}

// advice is the meaning of a finding and a remedy.
type advice struct{ Means, Do string }

// nameTable recognizes the purpose of frames by their names, for each language runtime.
// Frames that everything passes through count with their own time only.
type nameTable struct {
	Rule        string                `json:"rule"`
	Frames      map[string]namesOfOne `json:"frames"`
	PassThrough []string              `json:"passThrough"` // prefixes
}

// namesOfOne are the names of one runtime: whole names, prefixes that end with a
// word, and parts.
type namesOfOne struct{ Is, Begins, Contains []string }

func (n *namesOfOne) match(name string) bool {
	return slices.Contains(n.Is, name) || begins(name, n.Begins) ||
		slices.ContainsFunc(n.Contains, func(part string) bool { return strings.Contains(name, part) })
}

func begins(name string, with []string) bool {
	for _, prefix := range with {
		rest, ok := strings.CutPrefix(name, prefix)
		open := strings.HasSuffix(prefix, "_") || !wordByte(prefix[len(prefix)-1])
		if ok && (open || rest == "" || !wordByte(rest[0])) {
			return true
		}
	}
	return false
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// Input is the subject of the rules. Calls is nil unless the input was a trace.
type Input struct {
	Tree     *stacks.Tree
	Unit     stacks.Unit
	Observed float64 // samples, 0 if the weights were measured
	Calls    *fold.Calls
}

// Find applies the rules. Those of shares find nothing if there are too few samples.
func Find(in Input) ([]Finding, error) {
	book, err := newRulebook()
	if err != nil {
		return nil, err
	}
	rules := in.rules()
	lists := make([][]Finding, len(rules))
	var work sync.WaitGroup
	for i, rule := range rules { // concurrently: each walks through the whole tree
		work.Go(func() {
			s := &search{Input: in, book: book}
			rule(s)
			lists[i] = s.list
		})
	}
	work.Wait()
	return append([]Finding{}, slices.Concat(lists...)...), nil
}

// rules returns the rules that apply to the input.
func (in *Input) rules() (rules []func(*search)) {
	enough := in.Tree.Total() > 0 && (!in.Unit.Sampled() || in.Observed == 0 || in.Observed >= enoughSamples)
	if in.Calls != nil {
		rules = append(rules, (*search).unended)
	}
	if enough {
		rules = append(rules, (*search).plateaus, (*search).tallStacks, (*search).recursions)
	}
	if in.Calls != nil {
		rules = append(rules, (*search).repeats)
	}
	if enough && in.Unit.Sampled() {
		rules = append(rules, (*search).tables) // names tell where time goes, not memory
	}
	if in.Calls != nil {
		rules = append(rules, (*search).stuck, (*search).queues)
	}
	return rules
}

func newRulebook() (*rulebook, error) {
	book := &rulebook{}
	if err := json.Unmarshal(findingsJSON, book); err != nil {
		return nil, fmt.Errorf("reading the tables of findings: %w", err)
	}
	return book, nil
}

// search collects the findings of one rule.
type search struct {
	Input
	book *rulebook
	list []Finding
}

// add adds the findings of a rule, the heaviest first. The last one says how many more
// there are.
func (s *search) add(rule string, found ...Finding) {
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(b.Count, a.Count), cmp.Compare(b.Weight, a.Weight),
			slices.Compare(a.Frames, b.Frames), cmp.Compare(a.Says, b.Says))
	})
	words, ok := s.book.Memory[rule]
	if !ok || s.Unit.Sampled() {
		words = s.book.Rules[rule]
	}
	for i, f := range found[:min(len(found), maxPerRule)] {
		if more := len(found) - maxPerRule; more > 0 && i == maxPerRule-1 {
			f.Says += fmt.Sprintf("; %d more like it", more)
		}
		f.Rule, f.Means, f.Do = rule, words.Means, words.Do
		s.list = append(s.list, f)
	}
}

// verb returns the verb for the weight of a frame: time is spent, memory is held.
func (s *search) verb() string {
	if s.Unit.Sampled() {
		return "spends"
	}
	return "holds"
}

func (s *search) share(weight float64) float64 { return stacks.Share(weight, s.Tree.Total()) }

// amount writes a weight and its share.
func (s *search) amount(weight float64) string {
	return s.Unit.Format(weight) + ", " + report.Percent(s.share(weight))
}

func pathText(path []string) string {
	if len(path) > 6 {
		path = append(append(path[:2:2], "…"), path[len(path)-3:]...)
	}
	return joinNames(path, " > ")
}

func joinNames(names []string, sep string) string {
	clean := make([]string, len(names))
	for i, name := range names {
		clean[i] = stacks.Printable(name)
	}
	return strings.Join(clean, sep)
}

// Write writes findings for a terminal; with advice, also their meaning and a remedy,
// once after all findings of a rule.
func Write(w io.Writer, paint report.Painter, findings []Finding, advice bool) error {
	var b strings.Builder
	for i, f := range findings {
		b.WriteString("  " + paint.Paint(report.Caution, f.Rule+": ") + report.Line(f.Says) + "\n")
		if !advice || i+1 < len(findings) && findings[i+1].Rule == f.Rule {
			continue
		}
		for _, line := range report.WrapWords(strings.Fields(f.Means+" "+f.Do), " ", 76) {
			b.WriteString(paint.Paint(report.Faint, "    "+report.Line(line)) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
