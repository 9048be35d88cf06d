package read

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// readPerfScript reads the text of perf script, one profile per event. Each
// sample weighs 1 and stands under the name of its process.
func readPerfScript(data []byte, _ Options) ([]*stacks.Profile, error) {
	r := perfReader{
		head:   regexp.MustCompile(`^(\S.*?)\s+-?\d+(?:/\d+)?\s+(?:\[\d+\]\s+)?\d+\.\d+:(?:\s+(?:\d+\s+)?(\S+):)?(?:\s|$)`),
		events: map[string]*stacks.Profile{},
	}
	for line := range bytes.Lines(data) {
		r.line(strings.TrimRight(string(line), "\r\n"))
	}
	r.end()
	if len(r.list) == 0 {
		return nil, errors.New("it contains no sample with a stack; record with perf record -g")
	}
	if len(r.list) > 1 {
		for _, p := range r.list {
			p.Unit = stacks.Unit("samples of " + p.Name) // events are not added up
		}
	}
	if r.bad > 0 {
		r.list[0].Warn("%s not understood and skipped", stacks.Plural(float64(r.bad), "line"))
	}
	return r.list, nil
}

// perfReader reads samples: a line with process, time and event, a line for each
// frame from the innermost on, an empty line.
type perfReader struct {
	head   *regexp.Regexp
	events map[string]*stacks.Profile
	list   []*stacks.Profile
	bad    int

	process, event string
	stack          []string
	inline         bool // the place stands on the line of the sample
}

func (r *perfReader) line(text string) {
	fields := strings.Fields(text)
	switch {
	case len(fields) == 0:
		r.end()
	case text[0] == '#':
	case (text[0] == ' ' || text[0] == '\t') && !r.isSample(text):
		if len(fields) == 1 && sourceLine.MatchString(text) {
			return
		}
		r.stack = append(r.stack, perfFrame(fields))
	default:
		r.end()
		text = strings.TrimSpace(text)
		found := r.head.FindStringSubmatch(text)
		if found == nil {
			r.bad++
			return
		}
		r.process, r.event = found[1], found[2]
		at := strings.Fields(text[len(found[0]):])
		if r.inline = len(at) > 1 && isAddress(at[0]); r.inline { // and no arguments of a tracepoint
			r.stack = append(r.stack, perfFrame(at)) // without -g the place stands on the line of the sample
		}
	}
}

// isSample reports whether an indented line begins a sample: without -g perf aligns
// the names of processes on the right.
func (r *perfReader) isSample(text string) bool {
	return (len(r.stack) == 0 || r.inline) && strings.Contains(text, ": ") && r.head.MatchString(strings.TrimSpace(text))
}

// sourceLine matches the place of the frame before it, as perf script -F +srcline writes it.
var sourceLine = regexp.MustCompile(`:\d+$`)

func isAddress(word string) bool { return strings.Trim(word, "0123456789abcdef") == "" }

// perfFrame returns the function of a line such as "7f01 fib+0x10 (/usr/bin/b)".
func perfFrame(fields []string) string {
	if len(fields) > 1 && isAddress(fields[0]) && !strings.HasPrefix(fields[1], "(/") && !strings.HasPrefix(fields[1], "([") {
		fields = fields[1:]
	}
	name := strings.Join(fields, " ")
	for _, end := range []string{"+0x", " (/", " (["} { // paths may have blanks
		if at := strings.LastIndex(name, end); at > 0 {
			return name[:at]
		}
	}
	if last := len(fields) - 1; last > 0 && strings.HasPrefix(fields[last], "(") {
		return strings.Join(fields[:last], " ")
	}
	return name
}

// end adds the sample that is open.
func (r *perfReader) end() {
	if r.process == "" {
		r.stack = r.stack[:0]
		return
	}
	p := r.events[r.event]
	if p == nil {
		p = stacks.NewProfile(PerfScript, stacks.Samples)
		p.Name = r.event
		r.events[r.event] = p
		r.list = append(r.list, p)
	}
	at := p.Under(stacks.Root, r.process)
	for _, name := range slices.Backward(r.stack) {
		at = p.Under(at, name)
	}
	p.Nodes[at].Self++
	p.Observed++
	r.process, r.stack = "", r.stack[:0]
}
