package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// fake is an inspector that answers each method with a list of messages, in which %d
// is the number of the call.
type fake struct {
	targets string // "" is a proper list
	answers map[string][]string
	closed  bool // process._debugEnd() was called
	server  *httptest.Server
}

func (f *fake) start(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/json/list", func(w http.ResponseWriter, _ *http.Request) {
		list := f.targets
		if list == "" {
			list = `[{"webSocketDebuggerUrl":"ws://elsewhere.example:1/session"}]`
		}
		fmt.Fprint(w, list)
	})
	mux.HandleFunc("/session", f.serve)
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f.server.Listener.Addr().String()
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		_, data, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		var call struct {
			ID     int
			Method string
			Params struct{ Expression string }
		}
		if json.Unmarshal(data, &call) != nil {
			return
		}
		if strings.Contains(call.Params.Expression, "_debugEnd") {
			f.closed = true
			_ = f.server.Listener.Close() // httptest closes it again
		}
		answers, ok := f.answers[call.Method]
		if !ok {
			answers = []string{`{"id":%d,"result":{}}`}
		}
		for _, answer := range answers {
			if strings.Contains(answer, "%d") {
				answer = fmt.Sprintf(answer, call.ID)
			}
			if conn.Write(r.Context(), websocket.MessageText, []byte(answer)) != nil {
				return
			}
		}
	}
}

func dial(t *testing.T, f *fake) *Session {
	t.Helper()
	s, err := Dial(t.Context(), f.start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSnapshotStreams(t *testing.T) {
	t.Parallel()
	f := &fake{answers: map[string][]string{"HeapProfiler.takeHeapSnapshot": {
		`{"method":"HeapProfiler.addHeapSnapshotChunk","params":{"chunk":"{\"a\":"}}`, `{"method":"Runtime.other","params":{"chunk":"x"}}`,
		`{"method":"HeapProfiler.addHeapSnapshotChunk","params":{"chunk":"1}"}}`, `{"id":%d,"result":{}}`}}}
	s := dial(t, f)
	var b bytes.Buffer
	if err := s.Snapshot(t.Context(), &b); err != nil || b.String() != `{"a":1}` {
		t.Errorf("%q, %v", b.String(), err)
	}
	if err := s.Snapshot(t.Context(), failing{}); !errors.Is(err, errFull) {
		t.Errorf("a reader that fails: %v", err)
	}
	if err := s.End(t.Context()); err != nil || !f.closed {
		t.Errorf("the inspector was closed: %v, %v", f.closed, err)
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

// The inspector is closed again when the run was interrupted, which breaks the connection.
func TestEndAfterInterrupt(t *testing.T) {
	t.Parallel()
	f := &fake{answers: map[string][]string{"HeapProfiler.takeHeapSnapshot": nil}}
	s := dial(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if err := s.Snapshot(ctx, &bytes.Buffer{}); err == nil {
		t.Fatal("the snapshot was not interrupted")
	}
	if err := s.End(ctx); err != nil || !f.closed {
		t.Errorf("the inspector was closed: %v, %v", f.closed, err)
	}
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer []string
		want   string
	}{
		"an error":            {[]string{`{"id":%d,"error":{"message":"no\u001b[2J"}}`}, `the inspector answers no\x1b[2J`},
		"no JSON":             {[]string{`x`}, "invalid character"},
		"a value of a kind":   {[]string{`{"id":%d,"result":{"result":{"value":"x"}}}`}, "process.pid"},
		"an exception":        {[]string{`{"id":%d,"result":{"exceptionDetails":{}}}`}, "raised an exception"},
		"an answer before it": {[]string{`{"id":-1,"result":{}}`, `{"id":%d,"result":{"result":{"value":7}}}`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dial(t, &fake{answers: map[string][]string{"Runtime.evaluate": c.answer}})
			pid, err := s.PID(t.Context())
			if c.want == "" && (err != nil || pid != 7) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%d, %v, want %q", pid, err, c.want)
			}
		})
	}
}

// A process whose main thread is blocked is not waited for.
func TestBlocked(t *testing.T) {
	t.Parallel()
	s := dial(t, &fake{answers: map[string][]string{"Runtime.evaluate": nil}})
	s.limit = 50 * time.Millisecond
	if _, err := s.PID(t.Context()); err == nil || !strings.Contains(err.Error(), "it does not answer: the process is stopped, or its main thread waits") {
		t.Errorf("%v", err)
	}
	s = dial(t, &fake{answers: map[string][]string{"Profiler.enable": nil}})
	s.limit = 50 * time.Millisecond
	if _, err := s.CPUProfile(t.Context(), time.Second); !errors.Is(err, errBlocked) {
		t.Errorf("%v", err)
	}
}

func TestIsNode(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]bool{"/usr/bin/node": true, "/usr/bin/nodejs20 (deleted)": true, `node.exe`: true, "/usr/bin/nodemon": false, "": false} {
		if IsNode(program) != want {
			t.Errorf("%s is Node.js: %v", program, !want)
		}
	}
}

// Only the loopback interface is spoken to.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1:9229": "only an inspector on this machine", "example.com:9229": "only an inspector on this machine", "9229": "want host:port",
	} {
		if _, err := Dial(t.Context(), address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, targets := range []string{"x", "[]", "{}", `[{}]`, `[{"webSocketDebuggerUrl":"http://127.0.0.1/x"}]`} {
		if _, err := Dial(t.Context(), (&fake{targets: targets}).start(t)); err == nil {
			t.Errorf("a session with the targets %s", targets)
		}
	}
}

func FuzzTargets(f *testing.F) {
	f.Add([]byte(`[{"webSocketDebuggerUrl":"ws://127.0.0.1:9229/id"}]`))
	f.Fuzz(func(t *testing.T, list []byte) {
		if path, err := targetPath(list); err == nil && !strings.HasPrefix(path, "/") {
			t.Errorf("%q leads to %q", list, path)
		}
	})
}
