package flame

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
)

// maxNamed bounds the bad lines whose place and fault are kept.
const maxNamed = 50

// ReadFolded reads folded stacks: frames apart by ";", a space, a weight, or
// two of them for a difference. A line that is none is counted and skipped; it
// is an error where all are. Lines that begin with "# " are comments.
func ReadFolded(r io.Reader, name string) (*Profile, error) {
	found, err := readBlocks(r)
	if err != nil {
		return nil, fmt.Errorf("reading folded stacks %s: %w", name, err)
	}
	if found.good == 0 && found.bad > 0 {
		return nil, fmt.Errorf("reading folded stacks %s:%s; a line is frames, apart by ;, a space and a number",
			name, found.faults[0])
	}
	p := &Profile{Kind: Folded, Unit: Samples, Observed: found.observed(), TwoColumns: found.columns == 2, builder: found.builder}
	if found.bad > 0 {
		p.warn("%s: %d of %d lines are no folded stacks and were skipped", name, found.bad, found.bad+found.good)
	}
	for _, f := range found.faults {
		p.Details = append(p.Details, name+":"+f.String())
	}
	return p, nil
}

// lines reads lines of folded stacks into a builder.
type lines struct {
	*builder
	columns   int // weights on each line, 1 or 2
	good, bad int
	fraction  bool // a weight was not a whole number
	faults    []fault
}

// A fault is what is wrong with a line.
type fault struct {
	line int
	what string
}

func (f fault) String() string { return strconv.Itoa(f.line) + ": " + f.what }

// observed is the number of samples: the sum of the weights where they count
// something, the number of lines where they measure it.
func (l *lines) observed() float64 {
	if l.fraction {
		return float64(l.good)
	}
	return l.weight()
}

// read reads the lines of data, the first of which has the number line.
func (l *lines) read(data []byte, line int) {
	for ; len(data) > 0; line++ {
		text := data
		if end := bytes.IndexByte(data, '\n'); end >= 0 {
			text, data = data[:end], data[end+1:]
		} else {
			data = nil
		}
		if what := l.line(trim(text)); what != "" {
			l.bad++
			if len(l.faults) < maxNamed {
				l.faults = append(l.faults, fault{line, what})
			}
		}
	}
	l.last.keep()
}

// line reads one line and says what is wrong with it.
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
	if l.columns == 2 {
		stack, number = cutNumber(stack)
		if base, ok = parseWeight(number); !ok {
			return "there is one weight, where the first lines have two"
		}
	}
	if len(stack) == 0 {
		return "there is a weight but no stack"
	}
	l.good++
	l.fraction = l.fraction || weight != math.Trunc(weight) || base != math.Trunc(base)
	l.add(stack, weight, base)
	return ""
}

func (l *lines) add(stack []byte, weight, base float64) {
	if weight == 0 && base == 0 {
		return
	}
	n := &l.nodes[l.insertText(stack)]
	n.self += weight
	n.base += base
}

// comment reports whether a line is a comment.
func comment(text []byte) bool {
	return text[0] == '#' && (len(text) == 1 || text[1] == ' ')
}

// trim takes white space off the end, the \r of a line that ends in \r\n too.
func trim(text []byte) []byte {
	for len(text) > 0 && blank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// cutNumber cuts the last word off a line.
func cutNumber(text []byte) (rest, word []byte) {
	i := len(text)
	for i > 0 && !blank(text[i-1]) {
		i--
	}
	return trim(text[:i]), text[i:]
}

// parseWeight reads a number that is not negative: digits, in which there may
// be a point and after which an exponent.
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

// twoColumns reports whether each of the lines ends in two numbers.
func twoColumns(data []byte) bool {
	some := false
	for text := range bytes.Lines(data) {
		text = trim(bytes.TrimSuffix(text, []byte("\n")))
		if len(text) == 0 || comment(text) {
			continue
		}
		rest, last := cutNumber(text)
		rest, first := cutNumber(rest)
		_, ok := parseWeight(first)
		if _, isNumber := parseWeight(last); !isNumber {
			continue
		}
		if !ok || len(rest) == 0 {
			return false
		}
		some = true
	}
	return some
}
