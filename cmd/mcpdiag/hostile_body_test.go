package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func gzipped(n int) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range n >> 20 {
		_, _ = z.Write(bytes.Repeat([]byte{' '}, 1<<20))
	}
	_ = z.Close()
	return b.Bytes()
}

// flood writes piece until the client has gone, or a gigabyte is sent.
func flood(w http.ResponseWriter, piece string, sent *atomic.Int64) {
	chunk := []byte(strings.Repeat(piece, 64<<10/len(piece)))
	for n := 0; n < 1<<30; n += len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
		sent.Add(int64(len(chunk)))
	}
}

// Bodies that are no answer. Each ends with exit code 1 and says why.
func TestBodies(t *testing.T) {
	t.Parallel()
	healthy := healthySnapshot
	hang := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"heap`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	raw := func(head, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+head+"\r\n\r\n"+body)
			_ = conn.(*net.TCPConn).CloseWrite() // to close with unread bytes would reset the connection
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}
	for title, tc := range map[string]struct {
		answer http.HandlerFunc
		want   string // in what poll and diff say
		load   string // in what loadtest says
	}{
		"empty":                    {text(""), "the document is empty", "it is empty"},
		"a login page":             {text("<!doctype html><title>Log in</title>"), "this is HTML, not JSON", "it is HTML, not JSON"},
		"trailing garbage":         {text(healthy + "garbage"), "unexpected data after the document", "malformed answer"},
		"two documents":            {text(healthy + healthy), "unexpected data after the document", "malformed answer"},
		"Content-Length too long":  {raw("Content-Length: 5000", healthy), "the server closed the connection while reading the answer|the server reset the connection while", "the server closed the connection while reading the answer|the server reset the connection while"},
		"Content-Length too short": {raw("Content-Length: 30", healthy), "the JSON is cut off", "malformed answer"},
		"a chunk that is none":     {raw("Transfer-Encoding: chunked", "zzz\r\n"), "invalid byte in chunk length", "invalid byte in chunk length"},
		"gzip that is none":        {raw("Content-Encoding: gzip\r\nContent-Length: 40", strings.Repeat("\x1b[2J", 10)), "gzip", "gzip"},
		"bit by bit":               {hang, "no answer within 500ms (reading the answer)", "no answer"},
		"10 MB of header":          {raw(strings.Repeat("X-Filler: "+strings.Repeat("x", 1<<10)+"\r\n", 10<<10)+"A: b", healthy), "header is larger than|the server closed the connection while|the server reset the connection while", "header is larger than|the server closed the connection while|the server reset the connection while"},
		"too deep":                 {text(strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)), "depth", "malformed answer"},
		"a string without end":     {text(`{"heapUsedMB": "` + strings.Repeat("x", 1<<20)), "the JSON is cut off", "malformed answer"},
	} {
		all := &badServer{snapshot: tc.answer, mcp: tc.answer}
		calls := &badServer{tool: "work", call: tc.answer}
		for what, args := range asks(all.start(t), t.TempDir()) {
			if strings.HasPrefix(what, "loadtest") {
				continue
			}
			t.Run(title+", "+what, func(t *testing.T) {
				t.Parallel()
				invoke(t, append(args, "--timeout", patience(tc.want))...).wants(t, exitFailure, tc.want)
			})
		}
		for what, url := range map[string]string{"all of it": all.start(t), "its calls": calls.start(t)} {
			for _, format := range []string{"text", "json"} {
				t.Run(title+", loadtest "+format+", "+what, func(t *testing.T) {
					t.Parallel()
					o := invoke(t, "loadtest", url, "--users", "2", "--calls", "2", "--format", format, "--timeout", patience(tc.want))
					o.wants(t, exitFailure, tc.load)
				})
			}
		}
	}
}

// patience is how long an answer may take: long, where it is not the time that is to run out.
func patience(want string) string {
	if strings.Contains(want, "within 500ms") {
		return "500ms"
	}
	return "1m"
}

// A byte order mark is no reason to fail.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	b := &badServer{tool: "x", snapshot: text("\xef\xbb\xbf" + healthySnapshot), call: func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "\xef\xbb\xbf"+`{"jsonrpc":"2.0","id":%s,"result":{}}`, rpcID(r))
	}}
	for what, args := range asks(b.start(t), t.TempDir()) {
		t.Run(what, func(t *testing.T) { invoke(t, args...).wants(t, exitOK, "") })
	}
}

// Bodies without end are given up at the limit, of decoded bytes, and cost no more memory than that.
func TestFloods(t *testing.T) { // not parallel: it counts what the process allocates
	processtest.NeedsThorough(t)
	bomb := gzipped(64 << 20)
	for title, answer := range map[string]func(w http.ResponseWriter, r *http.Request, sent *atomic.Int64){
		"a gigabyte": func(w http.ResponseWriter, _ *http.Request, sent *atomic.Int64) {
			_, _ = io.WriteString(w, `{"heapUsedMB": 1, "x": "`)
			flood(w, "x", sent)
		},
		"a bomb": func(w http.ResponseWriter, _ *http.Request, _ *atomic.Int64) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		},
		"a line of events": func(w http.ResponseWriter, _ *http.Request, sent *atomic.Int64) {
			w.Header().Set("Content-Type", "text/event-stream")
			flood(w, "data: x", sent)
		},
		"comments": func(w http.ResponseWriter, _ *http.Request, sent *atomic.Int64) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "id: 1\ndata:\n\n") // which invites to come back
			flood(w, ": comment\n", sent)
		},
		"events": func(w http.ResponseWriter, _ *http.Request, sent *atomic.Int64) {
			w.Header().Set("Content-Type", "text/event-stream")
			flood(w, "id: 1\ndata:\n\n", sent)
		},
	} {
		var sent atomic.Int64
		h := func(w http.ResponseWriter, r *http.Request) { answer(w, r, &sent) }
		url, calls := (&badServer{snapshot: h, mcp: h}).start(t), (&badServer{tool: "x", call: h}).start(t)
		for what, args := range map[string][]string{
			"poll":            {"poll", url, "--count", "1", "-o", t.TempDir() + "/t"},
			"diff":            {"diff", url, "--wait", "0", "--settle", "0"},
			"loadtest":        {"loadtest", url, "--users", "1", "--calls", "1"},
			"loadtest, calls": {"loadtest", calls, "--users", "1", "--calls", "1", "--protocol", "2025-11-25"},
		} {
			t.Run(title+", "+what, func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				sent.Store(0)
				invoke(t, args...).wants(t, exitFailure, "the answer is larger than 8 MiB; --max-body raises the limit|neither asked for")
				runtime.ReadMemStats(&after)
				if grew := (after.TotalAlloc - before.TotalAlloc) >> 20; grew > 200 {
					t.Errorf("%d MiB were allocated", grew)
				}
				if n := sent.Load() >> 20; n > 64 {
					t.Errorf("%d MiB were read", n)
				}
			})
		}
	}
}

// Impossible figures are omitted with a warning, and nothing overflows.
func TestFigures(t *testing.T) {
	t.Parallel()
	many := `{"heapUsedMB": 1, "toolCallStack": [` + strings.Repeat(`{"id":"1","name":"x"},`, 100_000) + `{"id":"2","name":"y"}]}`
	for title, tc := range map[string]struct {
		doc  string
		code int // of poll
		want string
	}{
		"too deep":               {`{"heapUsedMB": 1, "x": ` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "}", exitFailure, "depth"},
		"duplicate keys":         {`{"heapUsedMB": 1, "heapUsedMB": 999}`, exitOK, "heapUsedMB occurs twice"},
		"wrong case":             {`{"ACTIVESESSIONS": 7, "heapUsedMB": 1}`, exitOK, "did you mean activeSessions?"},
		"nulls":                  {`{"activeSessions": null, "heapUsedMB": null, "toolCallStack": null, "timestamp": null}`, exitOK, ""},
		"strings for numbers":    {`{"activeSessions": "7", "heapUsedMB": "1.5"}`, exitOK, "activeSessions is a string that holds a number"},
		"NaN":                    {`{"heapUsedMB": NaN}`, exitFailure, "not JSON"},
		"1e400":                  {`{"heapUsedMB": 1e400}`, exitOK, `heapUsedMB is "1e400", which is not a number; omitted`},
		"1e300":                  {`{"heapUsedMB": 1e300, "uptimeMs": 1e300, "timestamp": 1e300}`, exitOK, "heapUsedMB is 1e+300, above the limit of 2^53; omitted"},
		"below zero":             {`{"activeSessions": -1, "heapUsedMB": -1, "toolCallStack": [{"id": "a", "durationMs": -5}]}`, exitOK, "activeSessions is -1, not a count; omitted|activeSessions is -1, below zero; omitted"},
		"2^63":                   {`{"activeSessions": 9223372036854775808, "callsTotal": 1e19}`, exitOK, "not a count; omitted"},
		"ages without end":       {`{"heapUsedMB": 1, "toolCallStack": [{"id": "a", "durationMs": 9e15}], "oldestSessionAgeMs": 9e15}`, exitOK, "2562047h"},
		"a time in the future":   {`{"heapUsedMB": 1, "timestamp": 253402300799999}`, exitOK, ""},
		"no time":                {`{"heapUsedMB": 1}`, exitOK, ""},
		"a time in seconds":      {`{"heapUsedMB": 1, "timestamp": 1763700000}`, exitOK, ""},
		"a time in RFC 3339":     {`{"heapUsedMB": 1, "timestamp": "2025-11-21T04:40:00Z"}`, exitOK, ""},
		"a call from the future": {`{"heapUsedMB": 1, "timestamp": 1763700000, "toolCallStack": [{"id": "a", "startedAt": 1963700000}]}`, exitOK, ""},
		"the same id twice":      {`{"heapUsedMB": 1, "toolCallStack": [{"id": "a"}, {"id": "a"}]}`, exitOK, "toolCallStack[].id is the same in two calls"},
		"100,000 calls":          {many, exitOK, "holds more than 10000 calls; the rest is omitted"},
		"nothing of a snapshot":  {`{"status": "ok"}`, exitFailure, "no field of a snapshot"},
	} {
		url := (&badServer{snapshot: text(tc.doc)}).start(t)
		for what, args := range asks(url, t.TempDir()) {
			if strings.HasPrefix(what, "loadtest") || !processtest.Thorough() && len(tc.doc) > 1<<20 {
				continue
			}
			t.Run(title+", "+what, func(t *testing.T) {
				t.Parallel()
				o := invoke(t, args...)
				if strings.HasPrefix(what, "poll") {
					o.wants(t, tc.code, tc.want)
				} else {
					o.harmless(t)
				}
				said := o.err
				if what != "poll stdout" { // which holds the document as it came
					said += o.out
				}
				for _, bad := range []string{"Inf", "NaN%", "-256204", "panic", "-9223372036854775808"} {
					if strings.Contains(said, bad) {
						t.Errorf("%q in\n%.1000s", bad, said)
					}
				}
			})
		}
	}
}

// Times that go backwards between two snapshots, and durations that shrink.
func TestFiguresThatGoBackwards(t *testing.T) {
	t.Parallel()
	n := 0
	docs := []string{
		`{"heapUsedMB": 1, "activeSessions": 1, "timestamp": 1763700009000, "uptimeMs": 500, "toolCallStack": [{"id": "a", "name": "x", "durationMs": 900}]}`,
		`{"heapUsedMB": 1, "activeSessions": 1, "timestamp": 1763600000000, "uptimeMs": 900, "toolCallStack": [{"id": "a", "name": "x", "durationMs": 5}]}`,
	}
	url := (&badServer{snapshot: func(w http.ResponseWriter, _ *http.Request) { n++; _, _ = io.WriteString(w, docs[n%2]) }}).start(t)
	n = 1
	o := invoke(t, "diff", url, "--wait", "0", "--settle", "0")
	o.wants(t, exitOK, "Still the same call (stuck)")
	if regexp.MustCompile(`-[0-9.]+(ms|s|m|h)\b`).MatchString(o.out) {
		t.Errorf("time went backwards:\n%s", o.out)
	}
}
