// Package write writes stacks in the formats that other profilers read.
package write

import (
	"bufio"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

// Folded writes a line for each stack that has weight, as flamegraph.pl, inferno
// and speedscope read it. It returns the number of names that had to be changed.
func Folded(w io.Writer, t *stacks.Tree) (changed int, err error) {
	if err := checkSize(t); err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	safe := &safeNames{t: t, middle: make([]string, len(t.Names)), known: make([]bool, len(t.Names))}
	line := []byte{}
	for n, stack := range t.Stacks() {
		line = line[:0]
		for i, name := range stack {
			if i > 0 {
				line = append(line, ';')
			}
			line = append(line, safe.get(name, i == 0, i == len(stack)-1)...)
		}
		if t.BaseTotal() > 0 {
			line = stacks.AppendNumber(append(line, ' '), n.Base)
		}
		line = append(stacks.AppendNumber(append(line, ' '), n.Self), '\n')
		if _, err := out.Write(line); err != nil {
			return safe.changed, err
		}
	}
	return safe.changed, out.Flush()
}

// safeNames are the names as folded stacks can contain them, which depends on
// the place in the line.
type safeNames struct {
	t       *stacks.Tree
	middle  []string // by name
	known   []bool
	changed int
}

func (s *safeNames) get(id int32, first, last bool) string {
	if !s.known[id] {
		s.known[id] = true
		s.middle[id] = s.mend(s.t.Names[id])
	}
	name := s.middle[id]
	if first && (name == "#" || strings.HasPrefix(name, "# ")) { // or the line would be a comment
		s.changed++
		name = "_" + name
	}
	if !last {
		return name
	}
	if at := strings.LastIndexByte(name, ' '); at >= 0 && read.IsWeight(name[at+1:]) { // or it would be a weight
		s.changed++
		name = name[:at] + "_" + name[at+1:]
	}
	return name
}

// mend replaces the characters that would end a name: separators, line ends, and blanks
// around it.
func (s *safeNames) mend(name string) string {
	safe := strings.TrimSpace(strings.ReplaceAll(report.Line(name), ";", ":"))
	if safe == "" {
		safe = "(unnamed)"
	}
	if safe != name {
		s.changed++
	}
	return safe
}
