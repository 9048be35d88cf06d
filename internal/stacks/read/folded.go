package read

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

const (
	maxNamed = 50       // bad lines whose place and fault are kept
	maxLine  = 16 << 20 // bytes of a line
)

// readFolded reads folded stacks: frames separated by ";", a space, and a weight,
// or two of them for a difference. Lines that are none are skipped with a
// warning; an input with more bad lines than good ones is an error. Lines that
// begin with "# " are comments.
func readFolded(r io.Reader, name string) (*stacks.Profile, error) {
	l := &lines{Profile: stacks.NewProfile(Folded, stacks.Samples), name: name}
	in, ok := r.(*bufio.Reader)
	if !ok {
		in = bufio.NewReaderSize(r, headSize)
	}
	head, _ := in.Peek(headSize)
	l.first = bytes.Clone(head[:min(len(head), 1<<12)])
	if format := signature(l.first); format != "" {
		return nil, refuse(name, format)
	}
	l.TwoColumns = twoColumns(head)
	if err := l.all(in); err != nil {
		return nil, fmt.Errorf("reading folded stacks %s: %w", name, err)
	}
	if l.bad > l.good {
		return nil, l.misunderstood()
	}
	if l.bad+l.prose > l.good-l.prose {
		return nil, l.unlike("while most lines here read like sentences that end in a number")
	}
	if l.bad > 0 {
		l.Warn("%s: %d of %d lines are not folded stacks and were skipped", name, l.bad, l.bad+l.good)
	}
	l.Observed = float64(l.good)
	if !l.fraction {
		l.Observed = l.sum
	}
	return l.Profile, nil
}

// lines reads lines of folded stacks into a profile.
type lines struct {
	*stacks.Profile
	name      string
	first     []byte // of the input, to name a format that is not read
	good, bad int
	prose     int     // of the good lines: those that read like sentences
	sum       float64 // of the weights
	fraction  bool    // a weight was not a whole number
	last      path
}

// misunderstood explains why an input is not folded stacks.
func (l *lines) misunderstood() error {
	if format := foreign(l.first); format != "" {
		return refuse(l.name, format)
	}
	return l.unlike(fmt.Sprintf("which holds for %d of %d lines here", l.good, l.good+l.bad))
}

// unlike returns the error of an input that is not folded stacks.
func (l *lines) unlike(why string) error {
	line, _, _ := bytes.Cut(bytes.TrimSpace(l.first), []byte("\n"))
	return fmt.Errorf("reading %s: %w, and no folded stacks: a line of these is frames, separated by ;, a space and a number, %s; the first line is %q",
		l.name, ErrUnknown, why, report.Cell(string(trim(line)), 60))
}

// tried is the number of lines after which an input without folded stacks, which may have
// no end, is given up.
const tried = 1 << 20

func (l *lines) all(in *bufio.Reader) error {
	var long []byte
	for n := 1; ; n++ {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long[:0], text...)
			text, err = restOfLine(in, long)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if fault := l.line(trim(bytes.TrimSuffix(text, []byte("\n")))); fault != "" {
			l.bad++
			if len(l.Details) < maxNamed {
				l.Details = append(l.Details, fmt.Sprintf("%s:%d: %s", l.name, n, fault))
			}
		}
		if err != nil || n == tried && l.good == 0 {
			return nil //nolint:nilerr // it is the end, or the rest is no better
		}
	}
}

// restOfLine reads the rest of a line that is longer than the buffer.
func restOfLine(in *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxLine {
			return nil, fmt.Errorf("it is longer than %d MiB", maxLine>>20)
		}
	}
}

// line reads one line and returns its fault.
func (l *lines) line(text []byte) (fault string) {
	if len(text) == 0 || comment(text) {
		return ""
	}
	stack, number := cutNumber(text)
	weight, ok := parseWeight(number)
	if !ok {
		return "there is no weight at its end"
	}
	base := 0.0
	if l.TwoColumns {
		stack, number = cutNumber(stack)
		if base, ok = parseWeight(number); !ok {
			return "there is one weight, where the first lines have two"
		}
	}
	if len(stack) == 0 {
		return "there is a weight but no stack"
	}
	l.good++
	if isProse(stack) {
		l.prose++
	}
	l.sum += weight
	l.fraction = l.fraction || weight != math.Trunc(weight) || base != math.Trunc(base)
	if weight != 0 || base != 0 {
		n := &l.Nodes[l.last.insert(l.Builder, stack)]
		n.Self += weight
		n.Base += base
	}
	return ""
}

// path is the way of the last stack through the tree. Many stacks begin with the
// same frames as the one before and continue from where the two part.
type path struct {
	text  []byte
	nodes []int32 // the node of each frame
	ends  []int   // where each frame ends in text
}

// insert returns the node at the end of a stack.
func (p *path) insert(b *stacks.Builder, stack []byte) int32 {
	same, depth := common(p.text, stack), 0
	for depth < len(p.ends) && (p.ends[depth] < same || p.ends[depth] == same && (same == len(stack) || stack[same] == ';')) {
		depth++
	}
	at, next := stacks.Root, 0
	if depth > 0 {
		at, next = p.nodes[depth-1], p.ends[depth-1]+1
	}
	p.nodes, p.ends = p.nodes[:depth], p.ends[:depth]
	for next <= len(stack) {
		end := len(stack)
		if n := bytes.IndexByte(stack[next:], ';'); n >= 0 {
			end = next + n
		}
		at = b.Child(at, b.NameID(stack[next:end]))
		p.nodes, p.ends = append(p.nodes, at), append(p.ends, end)
		next = end + 1
	}
	p.text = append(p.text[:0], stack...)
	return at
}

// common returns the number of bytes that a and b begin with alike.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// comment reports whether a line is a comment.
func comment(text []byte) bool {
	return text[0] == '#' && (len(text) == 1 || text[1] == ' ')
}

// trim removes white space from the end.
func trim(text []byte) []byte { return bytes.TrimRight(text, " \t\r") }

// cutNumber cuts the last word off a line.
func cutNumber(text []byte) (rest, word []byte) {
	i := bytes.LastIndexAny(text, " \t\r") + 1
	return trim(text[:i]), text[i:]
}

// parseWeight reads a number that is not negative: digits with an optional point
// and exponent.
func parseWeight(word []byte) (float64, bool) {
	if len(word) == 0 || word[0] < '0' || word[0] > '9' {
		return 0, false
	}
	whole := 0.0
	for i, c := range word {
		if c < '0' || c > '9' || i == 15 {
			v, err := strconv.ParseFloat(string(word), 64)
			return v, err == nil && !bytes.ContainsAny(word, "xXpP_nN")
		}
		whole = 10*whole + float64(c-'0')
	}
	return whole, true
}

// twoColumns reports whether each of the lines ends in two numbers. The number
// after "thread" belongs to the name, as py-spy writes it.
func twoColumns(head []byte) bool {
	some := false
	for text := range bytes.Lines(head) {
		whole := bytes.HasSuffix(text, []byte("\n"))
		text = trim(bytes.TrimSuffix(text, []byte("\n")))
		if len(text) == 0 || comment(text) || !whole && some {
			continue
		}
		rest, last := cutNumber(text)
		rest, first := cutNumber(rest)
		if _, ok := parseWeight(last); !ok {
			continue
		}
		if _, ok := parseWeight(first); !ok || len(rest) == 0 || bytes.HasSuffix(rest, []byte("thread")) {
			return false
		}
		some = true
	}
	return some
}

// IsWeight reports whether folded stacks read a word as a weight.
func IsWeight(word string) bool {
	_, ok := parseWeight([]byte(word))
	return ok
}
