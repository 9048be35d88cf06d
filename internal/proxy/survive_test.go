package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// hostileCodes are members "code" of JSON-RPC errors that no server should send.
var hostileCodes = []string{"\"\xff\"", `"text"`, "1e400", "1.5", "-0", "007", "9223372036854775808", "null", "true", `{"a":1}`, `"\u001b[31m"`, "[]", ""}

// TestErrorCodes: only an integer becomes the error type of a failed call,
// whatever form the reply has, and the reply passes unchanged.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for _, as := range []string{"json", "gzip", "events", "slow", "chunked"} {
		t.Run(as, func(t *testing.T) {
			t.Parallel()
			reply := ""
			p, url := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				body := reply
				if as == "events" || as == "slow" {
					body = "data: " + body + "\n\n"
				}
				answerAs(w, as, []byte(body))
			}), Config{})
			for i, code := range append(hostileCodes, "-32602") {
				reply = fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"message":"x","code":%s}}`, i, code)
				req := request(t.Context(), http.MethodPost, url, "", callOf(i, "t"))
				resp, err := http.DefaultClient.Do(req) // which undoes the compression
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || !strings.Contains(string(got), reply) {
					t.Errorf("code %q: the reply is %q, %v", code, got, err)
				}
			}
			calls := int64(len(hostileCodes) + 1)
			d := eventually(t, p, "counted", func(d *Document) bool { return *d.CallsTotal == calls })
			_, _, metrics := get(t, url+"/metrics")
			if *d.ErrorsTotal != calls || d.Proxy.FaultsTotal != 0 || !strings.Contains(metrics, `error_type="-32602"`) ||
				!strings.Contains(metrics, `_count{error_type="_OTHER",gen_ai_tool_name="t",mcp_method_name="tools/call"} `+fmt.Sprint(calls-1)) {
				t.Errorf("%s, faults %d, metrics:\n%s", counts(d), d.Proxy.FaultsTotal, metrics)
			}
		})
	}
}

// TestObserverFault: a panic in the observing code is counted, and the traffic goes on.
func TestObserverFault(t *testing.T) {
	t.Parallel()
	for _, as := range []string{"json", "gzip", "events", "chunked"} {
		body := []byte(`{"jsonrpc":"2.0","id":1,"result":{}}`)
		p, url := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answerAs(w, as, body) }), Config{})
		p.tracker.mu.Lock()
		p.tracker.tools, p.tracker.meter.operations = nil, nil // both will be used
		p.tracker.mu.Unlock()
		status, _, got := ask(t, url, "", callOf(1, "t"))
		if status != http.StatusOK || got != string(body) {
			t.Errorf("%s: %d %q", as, status, got)
		}
		_, _, metrics := get(t, url+"/metrics")
		if d := p.Snapshot(); d.Proxy.FaultsTotal == 0 || strings.Contains(metrics, "mcpdiag_proxy_faults_total 0\n") {
			t.Errorf("%s: %d faults, metrics:\n%s", as, d.Proxy.FaultsTotal, metrics)
		}
	}
}

// randomReply makes a message that is like a reply, with hostile parts.
func randomReply(r *rand.Rand, id int) []byte {
	pieces := []string{`"jsonrpc":"2.0"`, fmt.Sprintf(`"id":%d`, id), `"id":null`, `"result":{"isError":true}`, `"result":{}`, `"method":"x"`,
		`"error":{"code":` + hostileCodes[r.IntN(len(hostileCodes))] + `}`, `"error":{"code":` + fmt.Sprint(r.Int64()) + `}`,
		`"params":{"name":"` + "\xff\x1b" + `"}`, strings.Repeat(`{"id":[`, r.IntN(20)), "\x00", `"\ud800"`}
	r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
	doc := []byte("{" + strings.Join(pieces[:r.IntN(len(pieces))], ",") + "}")
	for range r.IntN(3) {
		doc[r.IntN(len(doc))] = byte(r.IntN(256))
	}
	if r.IntN(4) == 0 {
		doc = doc[:r.IntN(len(doc)+1)]
	}
	return doc
}

// randomForms are the ways in which a random reply is sent.
var randomForms = []string{"json", "chunked", "events", "gzip", "bad gzip"}

// TestRandomReplies: a proxied session survives 2,000 random replies, in CI 10,000, which
// come as they were sent.
func TestRandomReplies(t *testing.T) {
	t.Parallel()
	const workers = 4
	replies := 2000
	if processtest.Thorough() {
		replies = 10_000
	}
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var seed int
		_, _ = fmt.Sscan(r.Header.Get("X-Seed"), &seed)
		if seed < 0 {
			w.Header().Set("Mcp-Session-Id", "s")
			answerAs(w, "json", []byte(`{"jsonrpc":"2.0","id":1,"result":{}}`))
			return
		}
		sendRandom(w, seed)
	})
	p, url := before(t, server, Config{})
	send := func(seed int) []byte {
		req := request(t.Context(), http.MethodPost, url, map[bool]string{true: "s"}[seed >= 0], callOf(seed, fmt.Sprint("t", seed%10)))
		if seed < 0 {
			req = request(t.Context(), http.MethodPost, url, "", initialize)
		}
		req.Header.Set("X-Seed", fmt.Sprint(seed))
		req.Header.Set("Accept-Encoding", "identity")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return nil
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return got
	}
	send(-1)
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for seed := worker; seed < replies; seed += workers {
				want := httptest.NewRecorder()
				sendRandom(want, seed)
				if got := send(seed); !bytes.Equal(got, want.Body.Bytes()) {
					t.Errorf("seed %d: %q came as %q", seed, want.Body, got)
				}
			}
		})
	}
	all.Wait()
	d := eventually(t, p, "counted", func(d *Document) bool { return *d.CallsTotal == int64(replies) })
	if d.Proxy.FaultsTotal != 0 || *d.ActiveSessions != 1 || len(d.ToolCallStack) != 0 {
		t.Errorf("%s, faults %d", counts(d), d.Proxy.FaultsTotal)
	}
	if status, _, _ := get(t, url+"/metrics"); status != http.StatusOK {
		t.Errorf("/metrics: %d", status)
	}
}

func sendRandom(w http.ResponseWriter, seed int) {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	body := randomReply(r, seed)
	form := randomForms[r.IntN(len(randomForms))]
	if form == "events" {
		if seed%50 == 0 {
			form = "slow"
		}
		body = append(append([]byte("data: "), body...), "\n\n"[:r.IntN(3)]...)
	}
	if form != "bad gzip" {
		answerAs(w, form, body)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	packed := zipped(body)
	packed[r.IntN(len(packed))] ^= byte(1 + r.IntN(255))
	_, _ = w.Write(packed)
}

// FuzzTraffic follows proxied bytes all the way to the document, the metrics
// and their labels: no fault, and both can be read.
func FuzzTraffic(f *testing.F) {
	f.Add([]byte(callOf(1, "t")), []byte("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":\"\xff\"}}"), uint8(0), "s", 200)
	f.Add([]byte(initialize), []byte("data: {\"id\":1,\"result\":{}}\n\n"), uint8(1), "s\xff", 404)
	f.Add([]byte(callOf(1, "\xff")), []byte(`{"id":1,"result":{"isError":true}}`), uint8(2), "", 599)
	f.Add([]byte(`[{"id":"\ud800","method":"tools/call","params":{"name":"\u0000"}}]`), []byte("event: endpoint\ndata: http://x/\xff\n\n"), uint8(5), "", 400)
	f.Fuzz(func(t *testing.T, sent, reply []byte, form uint8, session string, status int) {
		p := New(Config{Name: "x", Idle: 1})
		observe(p, sent, reply, form, session, status)
		if n := p.tracker.faults.Load(); n != 0 {
			t.Fatalf("%d faults", n)
		}
		checkReadable(t, p)
	})
}

// observe shows p an exchange over HTTP, and the same messages on stdio.
func observe(p *Proxy, sent, reply []byte, form uint8, session string, status int) {
	method := []string{http.MethodPost, http.MethodGet, http.MethodDelete, http.MethodPost}[form>>2&3]
	r := httptest.NewRequest(method, "/mcp", nil)
	resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: http.NoBody}
	r.Header["Mcp-Session-Id"], resp.Header["Mcp-Session-Id"] = []string{session}, []string{session}
	if form&1 != 0 {
		resp.Header.Set("Content-Type", "text/event-stream")
	}
	if form&2 != 0 {
		resp.Header.Set("Content-Encoding", "gzip")
		if form&16 != 0 {
			reply = zipped(reply)
		}
	}
	x := p.tracker.exchange(r)
	x.sent(sent)
	x.head(resp)
	x.received(reply)
	x.close(outcomeOK)
	c := newPipe(p.tracker)
	c.sent(append(sent, '\n'))
	c.received(append(reply, '\n'))
	c.close()
}

// checkReadable fails unless the document and the metrics of p can be read.
func checkReadable(t *testing.T, p *Proxy) {
	t.Helper()
	for _, path := range []string{"/debug/snapshot", "/metrics"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = "localhost"
		p.ServeHTTP(w, r)
		if w.Code != http.StatusOK || !utf8.Valid(w.Body.Bytes()) {
			t.Fatalf("%s: %d %q", path, w.Code, w.Body)
		}
		if path != "/debug/snapshot" {
			continue
		}
		if s, err := snapshot.Decode(w.Body.Bytes()); err != nil || len(s.Warnings) > 0 {
			t.Fatalf("the document: %v %q", err, s.Warnings)
		}
	}
}

// TestTrafficPanics: each way to observe traffic ends a panic itself.
func TestTrafficPanics(t *testing.T) {
	t.Parallel()
	p := New(Config{Name: "x", Idle: 1})
	p.tracker.tools, p.tracker.sessions.open, p.tracker.meter.operations = nil, nil, nil
	for form := range uint8(32) {
		observe(p, []byte(callOf(1, "t")), []byte(`{"id":1,"result":{}}`), form, "s", 200)
	}
	if p.tracker.faults.Load() == 0 {
		t.Error("no fault is counted")
	}
	if _, err := json.Marshal(p.Snapshot()); err != nil {
		t.Error(err)
	}
}
