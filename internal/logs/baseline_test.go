package logs

import (
	"io"
	"strings"
	"testing"
)

// endless is a text without an end; n counts what is read of it.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.n += len(p)
	return len(p), nil
}

// TestEndlessBaseline: a string without an end is not read into memory.
func TestEndlessBaseline(t *testing.T) {
	t.Parallel()
	var in endless
	_, err := ReadBaseline(io.MultiReader(strings.NewReader(`{"a":"`), io.LimitReader(&in, 4*maxBaseline)))
	if err == nil || in.n > 2*maxBaseline {
		t.Errorf("%v after %d bytes", err, in.n)
	}
}
