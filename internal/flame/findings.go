package flame

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// enoughSamples is how many samples a finding needs behind it: with fewer, one
// of them would move a share by more than the rules look for.
const enoughSamples = 30

// Thresholds of the rules that look at shares of the whole.
const (
	plateauShare = 0.10
	tallShare    = 0.95 // of its parent that a frame of a tall stack holds
	tallLevels   = 8
	noticeShare  = 0.03 // of a table of names
	warnShare    = 0.05
	leastShare   = 0.01 // of the shapes that could stand in any corner
	maxPerRule   = 5
)

// Rules are the names of the rules, in the order in which their findings stand.
var Rules = []string{
	"plateau", "tall-stack", "recursion", "n-plus-one", "blocking-io", "json", "regex", "database", "lock", "stuck", "queue",
}

// Finding is something that stands out: what, where, how much, what it usually
// means and what to do.
type Finding struct {
	Rule   string   `json:"rule"`
	Level  string   `json:"level"` // notice or warning
	Frames []string `json:"frames"`
	Weight float64  `json:"weight,omitempty"`
	Share  float64  `json:"share,omitempty"` // of the whole
	Count  int      `json:"count,omitempty"` // calls, levels, rounds or polls
	Says   string   `json:"says"`
	Means  string   `json:"means"`
	Do     string   `json:"do"`
}

//go:embed assets/findings.json
var findingsJSON []byte

// rulebook is what the rules say, and the tables of names of frames.
type rulebook struct {
	Rules  map[string]struct{ Means, Do string } `json:"rules"`
	Tables []nameTable                           `json:"tables"`
}

// A nameTable tells what frames do by their names, by language runtime. What
// everything passes through counts by its own time only.
type nameTable struct {
	Rule        string                `json:"rule"`
	Frames      map[string]namesOfOne `json:"frames"`
	PassThrough []string              `json:"passThrough"` // how they begin
}

// namesOfOne are the names of one runtime: whole, by how they begin, where a
// word that has begun must end too, or by what is in them.
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

// Findings looks for what is worth a person's attention. It is silent where too
// few samples were taken.
func (p *Profile) Findings(t *Tree) []Finding {
	if p.Observed < enoughSamples || t.Total() == 0 {
		return []Finding{}
	}
	book, err := newRulebook()
	if err != nil {
		p.warn("%s", err) // the file is part of the program: only a broken build comes here
		return []Finding{}
	}
	rules := []func(*search){
		(*search).plateaus, (*search).tallStacks, (*search).recursions, (*search).repeats, (*search).tables,
		(*search).stuck, (*search).queues,
	}
	lists := make([][]Finding, len(rules))
	var work sync.WaitGroup
	for i, rule := range rules { // side by side: each walks through the whole tree
		work.Go(func() {
			s := &search{Tree: t, p: p, book: book}
			rule(s)
			lists[i] = s.list
		})
	}
	work.Wait()
	return append([]Finding{}, slices.Concat(lists...)...)
}

func newRulebook() (*rulebook, error) {
	book := &rulebook{}
	if err := json.Unmarshal(findingsJSON, book); err != nil {
		return nil, fmt.Errorf("reading the tables of findings: %w", err)
	}
	return book, nil
}

// search collects findings.
type search struct {
	*Tree
	p    *Profile
	book *rulebook
	list []Finding
}

// add adds the findings of a rule, the heaviest first.
func (s *search) add(rule string, found ...Finding) {
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(b.Count, a.Count), cmp.Compare(b.Weight, a.Weight),
			slices.Compare(a.Frames, b.Frames), cmp.Compare(a.Says, b.Says))
	})
	for _, f := range found[:min(len(found), maxPerRule)] {
		f.Rule, f.Means, f.Do = rule, s.book.Rules[rule].Means, s.book.Rules[rule].Do
		if f.Level == "" {
			f.Level = "warning"
		}
		s.list = append(s.list, f)
	}
}

func (s *search) share(weight float64) float64 { return share(weight, s.Total()) }

// amount says a weight and its share.
func (s *search) amount(weight float64) string {
	return s.p.Unit.Format(weight) + ", " + report.Percent(s.share(weight))
}

func pathText(path []string) string {
	if len(path) > 6 {
		path = append(append(path[:2:2], "…"), path[len(path)-3:]...)
	}
	return joinNames(path, " > ")
}
