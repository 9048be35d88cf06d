package doctor

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
)

// maxGrowth is how much memory a hostile server may cost.
const maxGrowth = 64 << 20

// forever writes a text until the client leaves.
func forever(kind, text string) middleware {
	piece := []byte(strings.Repeat(text, 1+(64<<10)/len(text)))
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", kind)
		for r.Context().Err() == nil {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}
}

// bomb answers with a little that unpacks to a gigabyte.
func bomb(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	zeros := make([]byte, 1<<20)
	for range 1000 {
		if _, err := z.Write(zeros); err != nil {
			return
		}
	}
	_ = z.Close()
}

// growth runs f and returns how far the heap grew above its size before.
func growth(f func()) int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, most := int64(m.HeapAlloc), int64(0) //nolint:gosec // far below 2^63
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, int64(now.HeapAlloc)) //nolint:gosec // far below 2^63
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	return most - base
}

// endsInBounds wants an end within the budget, and no credential in the facts.
func endsInBounds(t *testing.T, target string) *facts.Facts {
	t.Helper()
	o := withToken("sentinel-token")
	o.Deadline = 2 * time.Second
	f := examineWith(t, target, o)
	r := Judge(f, Judgement{Verbose: true, Curl: true})
	var text bytes.Buffer
	if err := r.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	saved, err := json.Marshal(f)
	if err != nil || bytes.Contains(saved, []byte("sentinel-token")) || strings.Contains(text.String(), "sentinel-token") {
		t.Errorf("%v, or the token is in the facts or in the text", err)
	}
	if f.Seconds > 6 || r.Requests > gather.MaxRequests {
		t.Errorf("%.1f s, %d requests", f.Seconds, r.Requests)
	}
	return f
}

// TestHostileMemory is not parallel, since it reads the size of the heap.
func TestHostileMemory(t *testing.T) {
	for name, m := range map[string]middleware{
		"an endless body":             forever("application/json", " "),
		"an endless listing":          when("tools/list", forever("application/json", `{"jsonrpc":"2.0","id":1,"result":{"tools":[`)),
		"a gzip bomb":                 bomb,
		"events without a line end":   forever("text/event-stream", "data: x"),
		"a flood of comments":         forever("text/event-stream", ": x\n"),
		"a flood of events":           onGet(1, forever("text/event-stream", "data: {}\n\n")),
		"a million tools":             page(strings.Repeat(goodTool+",", 1_000_000)+goodTool, ""),
		"metadata of an endless size": (&lab{status: 401, challenge: newLab().challenge, well: forever("application/json", `{"resource":`)}).serve,
	} {
		target := served(t, m)
		var f *facts.Facts
		if grew := growth(func() { f = endsInBounds(t, target) }); grew > maxGrowth {
			t.Errorf("%s: %d MiB more than before", name, grew>>20)
		} else {
			t.Logf("%s: %.1f MiB, %.1f s, %d requests", name, float64(grew)/(1<<20), f.Seconds, len(f.Exchanges))
		}
	}
}

// raw is a server that answers each request of a connection with the same bytes.
func raw(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		buf := make([]byte, 64<<10)
		if _, err := conn.Read(buf); err == nil {
			_, _ = io.WriteString(conn, answer)
		}
	}
}

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, answer := range map[string]func(net.Conn){
		"a length that is too long":  raw(ok + "Content-Length: 1000\r\n\r\n{}"),
		"a length that is too short": raw(ok + "Content-Length: 3\r\n\r\n{\"jsonrpc\":\"2.0\"}"),
		"no answer":                  func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"a byte now and then": func(conn net.Conn) {
			for _, b := range []byte(ok + "\r\n{}") {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(200 * time.Millisecond) // it is what the server does
			}
		},
		"a large header":    raw(ok + strings.Repeat("X-A: "+strings.Repeat("x", 1000)+"\r\n", 10_000) + "\r\n{}"),
		"not HTTP":          raw("\x00\x01\x02\xff"),
		"an empty body":     raw(ok + "Content-Length: 0\r\n\r\n"),
		"a byte order mark": raw(ok + "\r\n\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"),
		"trailing garbage":  raw(ok + "\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}} x"),
		"two documents":     raw(ok + "\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}{}"),
		"depth":             raw(ok + "\r\n" + strings.Repeat("[", 10_001)),
		"equal members":     raw(ok + "\r\n{\"id\":1,\"id\":2,\"result\":null,\"result\":{},\"error\":{\"code\":1e400}}"),
		"odd values":        raw(ok + "\r\n{\"id\":9223372036854775808,\"result\":{\"protocolVersion\":[null],\"capabilities\":-1}}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endsInBounds(t, clienttest.Speak(t, answer)+"/mcp")
		})
	}
}

// TestHostileRedirects looks for credentials at the other end of redirects.
func TestHostileRedirects(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	other := served(t, func(http.ResponseWriter, *http.Request, http.Handler) { reached.Store(true) })
	for _, status := range []int{301, 302, 307, 308} {
		for _, to := range []string{other, "/mcp", "file:///etc/passwd", "http://169.254.169.254/"} {
			f := examine(t, served(t, always(status, "text/plain", "", "Location", to)), "sentinel-token")
			if r := Judge(f, Judgement{}); !slices.Equal(r.RootCauses, []string{"http.redirect"}) {
				t.Errorf("%d to %s: %q", status, to, r.RootCauses)
			}
		}
	}
	if reached.Load() {
		t.Error("a redirect was followed")
	}
}

// TestMutatedFacts judges facts of a real server in which values were changed, taken
// away or exchanged: each rule has a result, and none panics.
func TestMutatedFacts(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(examineWith(t, served(t, newLab().serve), withToken("right")))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not for secrets
	judgedFacts := 0
	for range 150 {
		var doc any
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		for range 1 + random.IntN(5) {
			mutate(doc, random)
		}
		changed, _ := json.Marshal(doc)
		var f facts.Facts
		if json.Unmarshal(changed, &f) != nil {
			continue
		}
		judgedFacts++
		r := Judge(&f, Judgement{Verbose: true, Curl: true})
		for _, c := range r.Checks {
			if c.Severity == "" || c.Summary == "" {
				t.Fatalf("%s has no result for\n%s", c.ID, changed)
			}
		}
		if err := r.Text(io.Discard, false); err != nil {
			t.Fatal(err)
		}
	}
	if judgedFacts < 40 {
		t.Errorf("only %d of the facts could be read", judgedFacts)
	}
}

// mutate changes one member somewhere below v.
func mutate(v any, r *rand.Rand) {
	odd := []any{nil, "", "\x1b[2J\u202e", -1.0, 1e18, 0.0, true, []any{}, map[string]any{}, "http://[::1]:x/%zz", "99999999999"}
	switch node := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(node))
		if len(keys) == 0 {
			return
		}
		key := keys[r.IntN(len(keys))]
		switch r.IntN(6) {
		case 0:
			delete(node, key)
		case 1:
			node[key] = odd[r.IntN(len(odd))]
		default:
			mutateInside(node[key], r, func(to any) { node[key] = to }, odd)
		}
	case []any:
		if len(node) > 0 {
			i := r.IntN(len(node))
			mutateInside(node[i], r, func(to any) { node[i] = to }, odd)
		}
	}
}

func mutateInside(v any, r *rand.Rand, set func(any), odd []any) {
	switch old := v.(type) {
	case map[string]any, []any:
		mutate(old, r)
	case float64:
		set([]any{-old, old * 1e6, 0.0}[r.IntN(3)])
	case string:
		set([]any{old + old, "", fmt.Sprint(r.IntN(600)), strings.ToUpper(old)}[r.IntN(4)])
	default:
		set(odd[r.IntN(len(odd))])
	}
}
