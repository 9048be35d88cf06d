package flame

import (
	"bufio"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// WriteFolded writes a line for each stack that has weight, in byte order of
// the frames, as flamegraph.pl, inferno and speedscope read it. It returns the
// number of names that had to be changed for that.
func (t *Tree) WriteFolded(w io.Writer) (changed int, err error) {
	out := bufio.NewWriterSize(w, 1<<16)
	safe := newSafeNames(t)
	line := []byte{}
	for c, stack := range t.stacks() {
		if len(stack) == 0 {
			continue
		}
		line = line[:0]
		for i, name := range stack {
			if i > 0 {
				line = append(line, ';')
			}
			line = append(line, safe.get(name, i == 0, i == len(stack)-1)...)
		}
		if t.BaseTotal() > 0 {
			line = plain(append(line, ' '), c.baseSelf)
		}
		line = append(plain(append(line, ' '), c.self), '\n')
		if _, err := out.Write(line); err != nil {
			return safe.changed, err
		}
	}
	return safe.changed, out.Flush()
}

// safeNames are the names as they may stand in folded stacks. What a name must
// not be depends on where it stands.
type safeNames struct {
	t       *Tree
	middle  []string // by name, where it was asked for
	known   []bool
	changed int
}

func newSafeNames(t *Tree) *safeNames {
	return &safeNames{t: t, middle: make([]string, t.names.len()), known: make([]bool, t.names.len())}
}

func (s *safeNames) get(id int32, first, last bool) string {
	if !s.known[id] {
		s.known[id] = true
		s.middle[id] = s.mend(s.t.name(id))
	}
	name := s.middle[id]
	if first && (name == "#" || strings.HasPrefix(name, "# ")) { // or the line would be a comment
		s.changed++
		name = "_" + name
	}
	if !last {
		return name
	}
	if at := strings.LastIndexAny(name, " "); at >= 0 && isNumber(name[at+1:]) { // or it would be a weight
		s.changed++
		name = name[:at] + "_" + name[at+1:]
	}
	return name
}

// mend takes out of a name what ends it: separators, line ends, and the blanks around it.
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

func isNumber(s string) bool {
	_, ok := parseWeight([]byte(s))
	return ok
}
