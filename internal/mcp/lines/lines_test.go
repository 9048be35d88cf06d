package lines

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// readAll returns all lines of r, with "!" for each that is too long.
func readAll(r *Reader) ([]string, error) {
	var all []string
	for {
		line, err := r.Next()
		var long *TooLongError
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case errors.As(err, &long):
			all = append(all, "!")
		case err != nil:
			return all, err
		default:
			all = append(all, string(line))
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 100_000)
	for name, tc := range map[string]struct {
		in    string
		limit int
		want  []string
	}{
		"nothing":         {"", 10, nil},
		"lines":           {"a\nb\r\n\nc", 10, []string{"a", "b", "", "c"}},
		"at the limit":    {"0123456789\n", 10, []string{"0123456789"}},
		"beyond":          {"0123456789x\nb\n", 10, []string{"!", "b"}},
		"a large line":    {large + "\nb\n", 200_000, []string{large, "b"}},
		"large ones":      {"a\n" + large + "\n" + large + "\nb", 50, []string{"a", "!", "!", "b"}},
		"without its end": {"a\n" + large, 20_000, []string{"a", "!"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(tc.in), iotest.HalfReader(strings.NewReader(tc.in))} {
				got, err := readAll(NewReader(in, tc.limit))
				if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
					t.Errorf("%v (-want +got)\n%s", err, diff)
				}
			}
		})
	}
}

// FuzzNext checks that lines within the limit come as they are and others are errors.
func FuzzNext(f *testing.F) {
	f.Add("a\nb\r\n\nlonger than the limit\nc", 8)
	f.Fuzz(func(t *testing.T, in string, limit int) {
		limit = max(limit, 0) % 100_000
		r := NewReader(strings.NewReader(in), limit)
		got, err := readAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(in) {
			if line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"); len(line) > limit {
				line = "!"
			}
			want = append(want, line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
