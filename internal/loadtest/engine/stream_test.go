package engine

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// oneAtATime is a server behind a queue: an open GET stream holds up each request
// that comes after it.
type oneAtATime struct {
	turn chan struct{} // of one; a mutex would stop virtual time
	late bool          // the stream has no header before its first event
	scripted
}

func (s *oneAtATime) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/event-stream")
		if !s.late {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		return
	}
	s.scripted.ServeHTTP(w, r)
}

// The load opens the standalone stream as clients do, so that it meets what they
// meet; a plan can turn it off.
func TestStandaloneStream(t *testing.T) {
	for _, c := range []struct {
		noStream, late bool
		want           result.ErrorKind
	}{{false, false, result.ErrTimeout}, {false, true, result.ErrTimeout}, {true, false, ""}} {
		synctest.Test(t, func(t *testing.T) {
			s := &oneAtATime{turn: make(chan struct{}, 1), late: c.late, scripted: scripted{call: func(w http.ResponseWriter, _ *http.Request, _ int64, id string) {
				time.Sleep(10 * time.Millisecond)
				good(w, id)
			}}}
			res := runPlan(t, inMemory(t, s), plan.Plan{Stages: []plan.Stage{{Users: 1, Calls: 3}}, NoStream: c.noStream})
			if c.want == "" && (res.Failed != 0 || res.Sessions.Streams != 0) {
				t.Errorf("without a stream: %d failed, %d streams", res.Failed, res.Sessions.Streams)
			}
			if c.want != "" && (res.ErrorsOf(c.want) == 0 || res.Sessions.Streams == 0 || !strings.Contains(strings.Join(res.Warnings, ""), "stream: false")) {
				t.Errorf("with a stream: %+v, %d streams, warnings %q", res.Errors, res.Sessions.Streams, res.Warnings)
			}
		})
	}
}
