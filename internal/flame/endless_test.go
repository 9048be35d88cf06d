package flame

import (
	"io"
	"strings"
	"testing"
)

// blanks is white space without an end; n counts what is read of it.
type blanks struct{ n int }

func (b *blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	b.n += len(p)
	return len(p), nil
}

// TestEndlessDocument reads white space after a document to a bound.
func TestEndlessDocument(t *testing.T) {
	t.Parallel()
	var in blanks
	line, err := io.ReadAll(oneLine(io.MultiReader(strings.NewReader("{\n\"a\": 1}"), io.LimitReader(&in, 4*maxDocument))))
	if err != nil || string(line) != `{"a":1}` || in.n > 2*maxDocument {
		t.Errorf("%.40q, %v, after %d bytes", line, err, in.n)
	}
}
