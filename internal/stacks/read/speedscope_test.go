package read_test

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

func TestReadSpeedscope(t *testing.T) {
	const frames = `"shared":{"frames":[{"name":"a"},{"name":"b"}]}`
	for _, tt := range []struct{ name, in, want, err string }{
		{"sampled", `{` + frames + `,"profiles":[{"type":"sampled","unit":"seconds","samples":[[0,1],[0]],"weights":[0.5,1]}]}`, "a 1000\na;b 500\n", ""},
		{"evented", `{` + frames + `,"profiles":[{"type":"evented","unit":"milliseconds","startValue":5,"events":[{"type":"O","frame":0,"at":10},` +
			`{"type":"O","frame":1,"at":12},{"type":"C","frame":1,"at":15},{"type":"C","frame":0,"at":20}]}]}`, "a 7\na;b 3\n", ""},
		{"none", `{` + frames + `}`, "", "it contains no profile"},
		{"a frame that is not there", `{` + frames + `,"profiles":[{"type":"sampled","samples":[[7]],"weights":[1]}]}`, "", "frame 7, of 2"},
		{"weights are missing", `{` + frames + `,"profiles":[{"type":"sampled","samples":[[1]],"weights":[]}]}`, "", "1 samples but 0 weights"},
		{"closed crosswise", `{` + frames + `,"profiles":[{"type":"evented","events":[{"type":"O","frame":0,"at":1},{"type":"C","frame":1,"at":2}]}]}`, "", "not the last one opened"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := open([]byte(tt.in), read.Options{})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := folded(t, p); got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
