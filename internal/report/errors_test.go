package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorLines(t *testing.T) {
	t.Parallel()
	foreign := errors.New("bad\nmcpdiag: no leak found\x1b[2J")
	for name, test := range map[string]struct {
		err  error
		want []string
	}{
		"foreign text":   {foreign, []string{`bad\nmcpdiag: no leak found\x1b[2J`}},
		"wrapped":        {fmt.Errorf("calling x: %w", foreign), []string{`calling x: bad\nmcpdiag: no leak found\x1b[2J`}},
		"joined":         {errors.Join(errors.New("a"), foreign), []string{"a", `bad\nmcpdiag: no leak found\x1b[2J`}},
		"joined inside":  {fmt.Errorf("x: %w", errors.Join(errors.New("a"), errors.New("b"))), []string{"x: a", "b"}},
		"in the middle":  {fmt.Errorf("x %w; y", foreign), []string{`x bad\nmcpdiag: no leak found\x1b[2J; y`}},
		"two causes":     {fmt.Errorf("%w and %w", errors.New("a"), errors.New("b")), []string{"a and b"}},
		"a forged start": {fmt.Errorf("#%w", errors.New("#[error]x")), []string{`#\x23[error]x`}},
	} {
		if diff := cmp.Diff(test.want, ErrorLines(test.err)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRescue(t *testing.T) {
	t.Parallel()
	read := func(data []byte) (err error) {
		defer Rescue(&err)
		_ = data[5]
		return nil
	}
	if err := read(nil); err == nil || !strings.Contains(err.Error(), "index out of range [5]") {
		t.Errorf("error %v", err)
	}
	if err := read(make([]byte, 6)); err != nil {
		t.Errorf("error %v", err)
	}
}
