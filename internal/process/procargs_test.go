package process

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProcargs(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]struct {
		Exe  string
		Args []string
	}{
		"\x03\x00\x00\x00/usr/local/bin/node\x00\x00\x00\x00\x00node\x00\x00my server.js\x00HOME=/Users/me\x00": {"/usr/local/bin/node", []string{"node", "", "my server.js"}},
		"\x02\x00\x00\x00/bin/sh\x00sh": {"/bin/sh", []string{"sh"}},
		"\xff\xff\xff\xff/bin/sh":       {"/bin/sh", nil},
		"\x01\x00":                      {"", nil},
		"":                              {"", nil},
	} {
		exe, args := parseProcargs([]byte(data))
		if exe != want.Exe || !cmp.Equal(args, want.Args) {
			t.Errorf("%q: %q, %q, want %+v", data, exe, args, want)
		}
	}
}
