package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/logs/filter"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// read reads a log with default options.
func read(t *testing.T, log string, change ...func(*Options)) *Result {
	t.Helper()
	o := Options{Slow: time.Second, Top: 20, Input: input.Options{Zone: time.UTC}}
	for _, f := range change {
		f(&o)
	}
	r, err := Run(t.Context(), []*input.Source{input.FromReader("log", strings.NewReader(log))}, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const hostLog = `2026-11-25T09:00:32.000Z [info] [demo] Message from client: {"method":"initialize","params":{"clientInfo":{"name":"claude-ai"}},"jsonrpc":"2.0","id":0}
2026-11-25T09:00:32.100Z [info] [demo] Message from server: {"jsonrpc":"2.0","id":0,"result":{"serverInfo":{"name":"demo"}}}
2026-11-25T09:00:33.000Z [info] [demo] Message from client: {"method":"tools/call","params":{"name":"search","arguments":{"q":"x"}},"jsonrpc":"2.0","id":1}
2026-11-25T09:00:33.250Z [info] [demo] Message from server: {"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":false}}
2026-11-25T09:00:34.000Z [info] [demo] Message from client: {"method":"tools/call","params":{"name":"search","arguments":{"q":"x"}},"jsonrpc":"2.0","id":2}
2026-11-25T09:00:34.500Z [info] [demo] Message from server: {"jsonrpc":"2.0","id":2,"result":{"content":[],"isError":true}}
2026-11-25T09:00:35.000Z [info] [demo] Message from client: {"method":"tools/call","params":{"name":"slow"},"jsonrpc":"2.0","id":3}
2026-11-25T09:00:35.500Z [info] [demo] Message from server: {"jsonrpc":"2.0","id":3,"method":"sampling/createMessage","params":{}}
2026-11-25T09:01:35.000Z [info] [demo] Message from client: {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3,"reason":"Error: MCP error -32001: Request timed out"}}
2026-11-25T09:01:36.000Z [info] [demo] Message from server: {"jsonrpc":"2.0","id":3,"result":{}}
2026-11-25T09:01:37.000Z [info] [demo] Message from client: {"method":"tools/call","params":{"name":"search"},"jsonrpc":"2.0","id":4}
2026-11-25T09:01:37.010Z [info] [demo] Message from server: {"jsonrpc":"2.0","id":4,"error":{"code":-32602,"message":"q is required"}}
2026-11-25T09:01:38.000Z [info] [demo] Message from client: {"method":"tools/call","params":{"name":"search"},"jsonrpc":"2.0","id":9007199254740993}
`

func TestCalls(t *testing.T) {
	r := read(t, hostLog)
	want := []CallRow{
		{Name: "search", Calls: 4, Errors: 2, IsError: 1, InFlight: 1, LatencyMS: &Latency{Count: 3, P50: 250, P90: 500, P99: 500, Max: 500}},
		{Name: "initialize", Calls: 1, LatencyMS: &Latency{Count: 1, P50: 100, P90: 100, P99: 100, Max: 100}},
		{Name: "sampling/createMessage", Calls: 1, Unanswered: 1},
		{Name: "slow", Calls: 1, Late: 1, LatencyMS: &Latency{Count: 1, P50: 61000, P90: 61000, P99: 61000, Max: 61000}},
	}
	near := cmp.Comparer(func(a, b float64) bool { return a == b || a > b*0.98 && a < b*1.02 })
	if diff := cmp.Diff(want, r.Calls, near); diff != "" {
		t.Error(diff)
	}
	if r.BigIDs != 1 {
		t.Errorf("%d ids beyond 2^53", r.BigIDs)
	}
}

// A call without an answer at the end of a log is in flight for as long as others to its tool
// took, and unanswered after that.
func TestInFlight(t *testing.T) {
	t.Parallel()
	later := func(text string) string { return "2026-11-25T09:01:" + text + "Z [info] [demo] Server idle\n" }
	for end, want := range map[string][2]int64{"": {0, 1}, later("38.400"): {0, 1}, later("39.500"): {1, 0}} {
		r := read(t, hostLog+end)
		row := r.Calls[0]
		if row.Name != "search" || row.Calls != 4 || row.Unanswered != want[0] || row.InFlight != want[1] {
			t.Errorf("%q: %+v", end, row)
		}
		var page strings.Builder
		if err := r.Page(&page, false, nil); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(page.String(), "1 in flight at the end"); got != (want[1] == 1) {
			t.Errorf("%q: %s", end, page.String())
		}
	}
}

// Messages of JSON-RPC are paired wherever they stand: in batches, in a program's own lines, and
// where two of its parts log the same one.
func TestMessagesElsewhere(t *testing.T) {
	t.Parallel()
	const call, answer = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search","arguments":{"q":"a [{b}]"}}}`, `{"jsonrpc":"2.0","id":7,"result":{"isError":true,"content":[]}}`
	const other, reply = `{"jsonrpc":"2.0","id":"8","method":"tools/call","params":{"name":"search"}}`, `{"jsonrpc":"2.0","id":"8","result":{}}`
	for name, log := range map[string]string{
		"batch of a host":  "2026-11-25T09:00:33.000Z [info] [demo] Message from client: [" + call + "," + other + "]\n2026-11-25T09:00:33.250Z [info] [demo] Message from server: [" + reply + ", " + answer + "]\n",
		"a line of Python": "2026-11-25 09:00:33,000 - mcp - DEBUG - Received message: " + call + "\n2026-11-25 09:00:33,000 - mcp - DEBUG - Received message: " + other + "\n2026-11-25 09:00:33,250 - mcp - DEBUG - Sending response: " + answer + "\n2026-11-25 09:00:33,250 - mcp - DEBUG - Sending response: " + reply + "\n",
		"logged twice":     strings.Repeat("2026-11-25T09:00:33.000Z --> "+call+"\n", 2) + "2026-11-25T09:00:33.000Z --> " + other + "\n" + strings.Repeat("2026-11-25T09:00:33.250Z <-- "+answer+"\n", 2) + "2026-11-25T09:00:33.250Z <-- " + reply + "\n",
	} {
		r := read(t, log)
		want := []CallRow{{Name: "search", Calls: 2, Errors: 1, IsError: 1, LatencyMS: &Latency{Count: 2, P50: 250, P90: 250, P99: 250, Max: 250}}}
		if diff := cmp.Diff(want, r.Calls, cmp.Comparer(func(a, b float64) bool { return a > b*0.98 && a < b*1.02 })); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if r := read(t, "["+call+","+other+"]\n["+reply+"]\n"); len(r.Calls) != 1 || r.Calls[0].Calls != 2 || r.Read.Unread > 0 {
		t.Errorf("raw batches: %+v", r.Calls)
	}
}

func TestCursorCalls(t *testing.T) {
	r := read(t, `2026-11-25 10:00:45.277 [info] a1b2: Handling CallTool action for tool 'getLogs'
2026-11-25 10:00:45.278 [info] a1b2: Calling tool 'getLogs'
2026-11-25 10:00:45.354 [info] a1b2: Successfully called tool 'getLogs'
2026-11-25 10:00:46.000 [info] a1b2: Handling CallTool action for tool 'getLogs'
2026-11-25 10:00:46.100 [error] a1b2: Error calling tool 'getLogs'
`)
	if len(r.Calls) != 1 || r.Calls[0].Calls != 2 || r.Calls[0].Errors != 1 || r.Calls[0].LatencyMS.Max < 99 {
		t.Errorf("got %+v", r.Calls)
	}
}

// seedLog is a log as the guide's server writes it.
func seedLog(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	at := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	for range n {
		at = at.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
		event := map[string]any{"timestamp": at.Format("2006-01-02T15:04:05.000Z"), "level": "info", "event": "request", "user_id": fmt.Sprint("user-", r.IntN(5)),
			"endpoint": []string{"/mcp", "/sse", "/health"}[r.IntN(3)], "request_id": fmt.Sprintf("%016x", r.Uint64()), "duration_ms": float64(r.IntN(20000)) / 16, "status": 200}
		switch r.IntN(10) {
		case 0:
			event["event"], event["level"], event["reason"], event["status"] = "authentication_failed", "warn", []string{"expired_token", "bad_signature"}[r.IntN(2)], 401
		case 1:
			event["event"], event["level"], event["error_type"] = "request_failed", "error", "database_error"
			event["query"], event["error_message"], event["status"] = fmt.Sprint("SELECT ", r.IntN(3)), "statement timeout", 500
		case 2:
			event["event"] = "rate_limit_exceeded"
		}
		line, err := json.Marshal(event)
		if err != nil {
			panic(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// The five reports of the guide are what jq makes of the same log.
func TestAgainstJQ(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is missing")
	}
	log := seedLog(3000)
	jq := func(filter string) []string {
		cmd := exec.CommandContext(t.Context(), "jq", "-r", filter)
		cmd.Stdin = strings.NewReader(log)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	counts := func(lines []string) map[string]int64 {
		m := map[string]int64{}
		for _, line := range lines {
			m[line]++
		}
		return m
	}
	r := read(t, log)

	got := map[string]int64{}
	for _, row := range r.Auth {
		got[row.Who+"\t"+row.Reason] = row.Count
	}
	if diff := cmp.Diff(counts(jq(`select(.event == "authentication_failed") | [.user_id, .reason] | @tsv`)), got); diff != "" {
		t.Error("authentication failures by user:", diff)
	}

	slowest := jq(`select(.duration_ms > 1000) | [.duration_ms, .endpoint] | @tsv`)
	if int64(len(slowest)) != r.SlowOver {
		t.Errorf("%d slow requests, jq has %d", r.SlowOver, len(slowest))
	}
	var all []float64
	for _, line := range slowest {
		var ms float64
		if _, err := fmt.Sscan(line, &ms); err != nil {
			t.Fatal(err)
		}
		all = append(all, ms)
	}
	slices.SortFunc(all, func(a, b float64) int { return int(b*16 - a*16) })
	for i, row := range r.Slow {
		if row.MS != all[i] {
			t.Errorf("slow request %d took %g ms, jq has %g", i, row.MS, all[i])
		}
	}

	got = map[string]int64{}
	for _, row := range r.ErrorRates {
		if row.Errors > 0 {
			got[row.Name] = row.Errors
		}
	}
	if diff := cmp.Diff(counts(jq(`select(.level == "error") | .endpoint`)), got); diff != "" {
		t.Error("errors by endpoint:", diff)
	}

	got = map[string]int64{}
	for _, row := range r.Database {
		got[row.Statement+"\t"+row.Message] += row.Count
	}
	want := map[string]int64{}
	for line, n := range counts(jq(`select(.error_type == "database_error") | [.query, .error_message] | @tsv`)) {
		_, message, _ := strings.Cut(line, "\t")
		want["SELECT ?\tdatabase_error: "+message] += n
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("database errors:", diff)
	}

	got = map[string]int64{}
	for _, row := range r.RateLimit {
		got[row.Who] += row.Count
	}
	if diff := cmp.Diff(counts(jq(`select(.event == "rate_limit_exceeded") | .user_id`)), got); diff != "" {
		t.Error("rate limits by user:", diff)
	}
}

func TestTimeline(t *testing.T) {
	r := read(t, `{"timestamp":"2026-11-25T09:00:00Z","event":"start","request_id":"r1"}
{"timestamp":"2026-11-25T09:00:00.5Z","event":"other","request_id":"r2"}
{"timestamp":"2026-11-25T09:00:03Z","event":"done","request_id":"r1","level":"error"}
{"timestamp":"2026-11-25T09:00:00.1Z","event":"query","request_id":"r1"}
`, func(o *Options) { o.Request = "r1" })
	var got []string
	for _, row := range r.Timeline {
		got = append(got, fmt.Sprintf("+%.0f %s %v", row.MS, row.Message, row.Longest))
	}
	if diff := cmp.Diff([]string{"+0 start false", "+100 query false", "+3000 done true"}, got); diff != "" {
		t.Error(diff)
	}
	if len(r.Requests) != 1 || r.Requests[0].Request != "r1" || r.Requests[0].Errors != 1 {
		t.Errorf("requests: %+v", r.Requests)
	}
}

// A timeline that is cut says so.
func TestLongTimeline(t *testing.T) {
	t.Parallel()
	r := read(t, strings.Repeat(`{"level":"info","msg":"step","request_id":"r1"}`+"\n", maxTimeline+1), func(o *Options) { o.Request = "r1" })
	if len(r.Timeline) != maxTimeline || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "first 2000 lines") {
		t.Errorf("%d lines, warnings %q", len(r.Timeline), r.Warnings)
	}
}

// A panic in a handler of Go is an error, with the frames of the program.
func TestGoPanic(t *testing.T) {
	t.Parallel()
	r := read(t, "2026/11/25 09:00:01 http: panic serving 127.0.0.1:1: nil pointer\ngoroutine 41 [running]:\nmain.handler({0x7a9c18, 0xc000112000}, 0xc00001a0f0?)\n\t/src/main.go:31 +0x1d\n")
	if len(r.Errors) != 1 || r.Errors[0].Title != "http: panic serving 127.0.0.1:1: nil pointer" {
		t.Errorf("%+v", r.Errors)
	}
}

// The hour that the end of summer time repeats is not read as the hour before.
func TestRepeatedHour(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	var b strings.Builder
	start := time.Date(2026, 10, 24, 23, 30, 0, 0, time.UTC)
	for i := range 240 {
		fmt.Fprintf(&b, "%s INFO mcp: tick\n", start.Add(time.Duration(i)*time.Minute).In(berlin).Format(time.DateTime))
	}
	var times []time.Time
	read(t, b.String(), func(o *Options) {
		o.Input.Zone = berlin
		o.Each = func(e *input.Entry) error { times = append(times, time.Unix(0, e.Nanos)); return nil }
	})
	for i, at := range times {
		if want := start.Add(time.Duration(i) * time.Minute); !at.Equal(want) {
			t.Fatalf("line %d is at %s, want %s", i, at.UTC(), want)
		}
	}
}

// Each known fault is found in its sample, and not in a line that only looks like it.
func TestSignatures(t *testing.T) {
	list, err := Signatures()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 40 {
		t.Errorf("%d signatures", len(list))
	}
	for _, s := range list {
		found := func(line string) bool {
			return slices.ContainsFunc(read(t, line+"\n").Signatures, func(row SignatureRow) bool { return row.ID == s.ID })
		}
		if !found(s.Positive) {
			t.Errorf("%s is not found in %q", s.ID, s.Positive)
		}
		if found(s.Negative) {
			t.Errorf("%s is found in %q", s.ID, s.Negative)
		}
		for _, word := range slices.Concat(s.All, s.Any, s.None) {
			if word != strings.ToLower(word) {
				t.Errorf("%s: %q is not in lower case", s.ID, word)
			}
		}
		if s.Title == "" || s.Cause == "" || s.Remedy == "" {
			t.Errorf("%s has no title, cause or remedy", s.ID)
		}
	}
}

// A fingerprint does not depend on the machine: folders, lines, columns, numbers.
func TestFingerprint(t *testing.T) {
	node := `{"level":50,"err":{"type":"TypeError","message":"x is not a function","stack":"TypeError: x is not a function\n    at call (%s/search.js:%d:13)\n    at next (%s/node_modules/express/lib/router.js:8:1)"},"msg":"failed"}`
	python := "2026-11-25 09:00:17,901 - core - ERROR - failed\nTraceback (most recent call last):\n  File \"%s/db.py\", line %d, in query\n    raise PoolTimeout()\ncore.errors.PoolTimeout: pool-%d is closed\n"
	golang := "panic: runtime error: index out of range [%d] with length 3\n\ngoroutine 4%d [running]:\nmain.(*S).call(0xc000112000, {0xc00001a0f0, 0x6})\n\t%s/call.go:%d +0x1d\n"
	for name, logs := range map[string][2]string{
		"node":   {fmt.Sprintf(node, "/app/dist", 41, "/app"), fmt.Sprintf(node, "/home/x", 99, "/home/x")},
		"python": {fmt.Sprintf(python, "/app", 20, 49), fmt.Sprintf(python, "/srv/www", 21, 50)},
		"go":     {fmt.Sprintf(golang, 3, 1, "/src", 88), fmt.Sprintf(golang, 5, 2, "/build", 89)},
		"text":   {"ERROR:mcp:user 17 not found\n", "ERROR:mcp:user 18 not found\n"},
	} {
		a, b := read(t, logs[0]).Errors, read(t, logs[1]).Errors
		if len(a) != 1 || len(b) != 1 || a[0].Fingerprint != b[0].Fingerprint {
			t.Errorf("%s: %+v and %+v", name, a, b)
		}
	}
	a, b := read(t, "ERROR:mcp:user 17 not found\n").Errors, read(t, "ERROR:mcp:order 17 not found\n").Errors
	if a[0].Fingerprint == b[0].Fingerprint {
		t.Error("two errors have one fingerprint")
	}
}

func TestStatementFingerprint(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT * FROM t WHERE id = 17 AND name = 'it''s'": "SELECT * FROM t WHERE id = ? AND name = ?",
		"insert into t\n  values (1, 2, 3)":                "insert into t values (?)",
		"SELECT col1 FROM t2":                              "SELECT col1 FROM t2",
		"":                                                 "",
		"select 'open":                                     "select ?",
		`select E'it\'s mine', 2`:                          "select E?",
		"select $a$mine$a$, $1":                            "select ?",
		"select $1, $2 from a$b":                           "select $1, $2 from a$b",
	} {
		if got := statementFingerprint(statement); got != want {
			t.Errorf("%q: got %q, want %q", statement, got, want)
		}
	}
}

func TestErrorWithoutText(t *testing.T) {
	r := read(t, `{"time":"2026-11-25T09:00:01Z","level":"error"}`+"\n")
	if len(r.Errors) != 1 || r.Errors[0].Title != "(no text)" {
		t.Errorf("got %+v", r.Errors)
	}
}

// A slow statement has its text without literals.
func TestSlowStatement(t *testing.T) {
	r := read(t, "2026-11-25 09:00:01.250 UTC [41] LOG:  duration: 1532.1 ms  statement: SELECT * FROM users WHERE name = 'x' AND id = 7\n")
	if len(r.Slow) != 1 || r.Slow[0].What != "statement SELECT * FROM users WHERE name = ? AND id = ?" || r.Slow[0].MS != 1532.1 {
		t.Errorf("got %+v", r.Slow)
	}
}

func TestRedact(t *testing.T) {
	red := &redactor{}
	for _, text := range []string{
		"Authorization: Bearer abcdef123456SECRET", "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiSECRET.c2lnSECRET", "password=SECRETvalue", `{"api_key":"SECRETvalue"}`,
		"postgres://app:SECRETpw@db:5432/x", "{'password': 'SECRET value'}", `{\"password\":\"SECRET\"}`, "DB_PASSWORD=SECRET", "Cookie: a=1; sid=SECRET",
		`authorization":"Token SECRET"`, "authorization: Token SECRET", "postgres://bob:a@SECRET@db/x", "-----BEGIN RSA PRIVATE KEY-----SECRET-----END RSA PRIVATE KEY-----", "key sk-SECRET0123456789", "ghp_SECRET0123456789abcdef", "Mcp-Session-Id: SECRET-5f0c", "Cookie: SECRET=1",
	} {
		if got := red.text(text); strings.Contains(got, "SECRET") {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	if red.count < 9 {
		t.Errorf("%d values are counted", red.count)
	}
	for _, harmless := range []string{"the tokenizer read 12 keys of session table in 5ms", "exit code: 137", "status_code=500 code=-32602"} {
		if got := red.text(harmless); got != harmless {
			t.Errorf("%q becomes %q", harmless, got)
		}
	}
}

func TestFilter(t *testing.T) {
	const log = `{"level":"error","tool":"search","duration_ms":1500,"msg":"query timeout","status":500}
{"level":"warn","tool":"search","duration_ms":500,"msg":"slow"}
{"level":"info","tool":"fetch","duration_ms":2500,"msg":"ok","user_id":"u1"}
`
	for condition, want := range map[string]int64{
		`level >= warn`: 2, `level == error`: 1, `level >= warn and tool == "search" and duration > 1s and message =~ "time.ut"`: 1,
		`duration > 400ms and duration < 1m`: 3, `user in ["u1", "u2"]`: 1, `user in ("u1", "u)2")`: 1, `exists(user)`: 1, `not exists(user) and level >= info`: 2, `not (tool == "search")`: 1, `status >= 500 or message contains "ok"`: 2, `message contains 'level == error'`: 0, `message == "say \" 1s"`: 0, `message == "1s"`: 0,
	} {
		f, err := filter.Parse(condition)
		if err != nil {
			t.Error(err)
			continue
		}
		if r := read(t, log, func(o *Options) { o.Where = f }); r.Read.Entries != want {
			t.Errorf("%s: %d entries, want %d", condition, r.Read.Entries, want)
		}
	}
}

// A condition may use any key of the line, and "not" comes after the comparisons.
func TestFilterKeys(t *testing.T) {
	const log = `{"level":"error","tool":"search","msg":"a","status":500,"http":{"route":"/mcp","bytes":512,"ok":false},"a.b":"flat","labels":{"app.io/name":"x"},"took":"1.5s","quoted":"17"}
{"level":"warn","tool":"search","msg":"say \"hi\"","k8s.pod.name":"p-1","x":{"y":{"z":true}},"none":null}
level=info tool=fetch msg=ok region=eu retries=3 took=2.5s
2026-11-25 09:00:03 warn: retrying {"attempt":2,"region":"us"}
`
	for condition, want := range map[string]int64{
		`.http.route == "/mcp"`: 1, `.http.bytes > 511.5`: 1, `.a.b == "flat"`: 1, `.labels.app.io/name == "x"`: 1, `.labels["app.io/name"] == "x"`: 1, `.k8s.pod.name =~ "^p"`: 1,
		`.x.y.z`: 1, `.x.y.z == true`: 1, `.x.y.z.w == 1`: 0, `exists(.x.y)`: 1, `exists(.http.ok)`: 1, `exists(.none)`: 0, `not exists(.http)`: 3, `.none > 5`: 0, `.none != 5`: 4,
		`.took > 1s`: 2, `.took > 2s`: 1, `.took > 1s500ms`: 1, `.quoted == 17`: 1, `.quoted == "17"`: 1, `.retries >= 3 and .region == "eu"`: 1, `.region in ("eu", "us")`: 2, `.attempt == 2`: 1,
		`not tool == "search"`: 2, `not tool == "search" and level == info`: 1, `not (tool == "search" or level == info)`: 1, `not not tool == "search"`: 2, `(not tool == "search") or level == error`: 3,
		`tool == "fetch" or tool == "search" and status == 500`: 2, `(tool == "fetch" or tool == "search") and status == 500`: 1, `tool not in ("search")`: 2,
		`message contains "\"hi\""`: 1, `message == 'say "hi"'`: 1, `message !~ "^(a|ok)$"`: 2, `level in ("warn", error)`: 3, `level == "ERROR"`: 1, `error == ""`: 4, `duration > 1m30s`: 0,
	} {
		f, err := filter.Parse(condition)
		if err != nil {
			t.Error(err)
			continue
		}
		if r := read(t, log, func(o *Options) { o.Where = f }); r.Read.Entries != want {
			t.Errorf("%s: %d entries, want %d", condition, r.Read.Entries, want)
		}
	}
}

func TestFailOn(t *testing.T) {
	old := read(t, "ERROR:mcp:user 17 not found\n")
	for _, test := range []struct {
		condition string
		want      finding.Outcome
	}{{"new-error", finding.Found}, {"errors>5", finding.Clean}, {"errors>=2", finding.Found}, {"unanswered>0", finding.Clean}} {
		f, err := ParseFailOn(test.condition)
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, "ERROR:mcp:user 18 not found\nERROR:mcp:disk of order 5 missing\n", func(o *Options) { o.FailOn = []FailOn{f} })
		r.Judge(old)
		if got := r.Report().Outcome; got != test.want {
			t.Errorf("%s: outcome %d, %v", test.condition, got, r.Crossed)
		}
	}
	if _, err := ParseFailOn("eror-rate>1%"); err == nil || !strings.Contains(err.Error(), "error-rate") {
		t.Errorf("got %v", err)
	}
}

func TestSessionNames(t *testing.T) {
	r := read(t, `{"msg":"unauthorized","status":401,"session_id":"5f0c-secret-session"}`+"\n")
	if len(r.Auth) != 1 || strings.Contains(r.Auth[0].Who, "secret") || !strings.HasPrefix(r.Auth[0].Who, "session ") {
		t.Errorf("got %+v", r.Auth)
	}
	const lost = `{"level":"error","msg":"Session not found: 5f0c-secret-session","session_id":"5f0c-secret-session"}` + "\n"
	var extracted strings.Builder
	x := NewExtractor(&extracted)
	r = read(t, lost, func(o *Options) { o.Each = x.Write })
	data, err := json.Marshal(r)
	if text := string(data) + extracted.String(); err != nil || strings.Contains(text, "secret-session") || len(r.Signatures) != 1 {
		t.Errorf("%s, %v", text, err)
	}
}

// A value never becomes a line, and no input ends the run.
func FuzzRun(f *testing.F) {
	f.Add([]byte(hostLog))
	f.Add([]byte(`{"msg":"a\n2026-11-25T09:00:00Z [error] forged","level":"error","request_id":"r"}` + "\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		o := Options{Slow: time.Second, Top: 5, Request: "r", Input: input.Options{Zone: time.UTC}}
		r, err := Run(t.Context(), []*input.Source{input.FromReader("log", strings.NewReader(string(log)))}, o)
		if err != nil {
			return
		}
		var b strings.Builder
		if err := r.Page(&b, false, SectionNames()); err != nil {
			t.Error(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\x00\r") {
			t.Errorf("a control character comes out: %q", b.String())
		}
	})
}

// The logs of each host are found where it keeps them on each system; on Windows in the
// folders that the environment names.
func TestHostFolders(t *testing.T) {
	t.Parallel()
	logs := map[string][]string{
		"linux": {
			".config/Claude/logs/mcp.log", ".cache/claude-cli-nodejs/-w/mcp-logs-demo/a.jsonl", ".config/Code/logs/20261125T090000/window1/mcpServer.mcp.config.demo.log",
			".config/Cursor/logs/20261125T090000/window1/exthost/anysphere.cursor-mcp/MCP.log",
		},
		"darwin": {
			"Library/Logs/Claude/mcp.log", "Library/Caches/claude-cli-nodejs/-w/mcp-logs-demo/a.jsonl", "Library/Application Support/Code/logs/20261125T090000/window1/mcpServer.mcp.config.demo.log",
			"Library/Application Support/Cursor/logs/20261125T090000/window1/exthost/anysphere.cursor-mcp/MCP.log",
		},
		"windows": {
			"Roaming/Claude/logs/mcp.log", "Local/claude-cli-nodejs/Cache/-w/mcp-logs-demo/a.jsonl", "Roaming/Code/logs/20261125T090000/window1/mcpServer.mcp.config.demo.log",
			"Roaming/Cursor/logs/20261125T090000/window1/exthost/anysphere.cursor-mcp/MCP.log",
		},
	}
	for goos, files := range logs {
		home := t.TempDir()
		for _, name := range files {
			path := filepath.Join(home, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		getenv := func(name string) string {
			return map[string]string{"APPDATA": filepath.Join(home, "Roaming"), "LOCALAPPDATA": filepath.Join(home, "Local")}[name]
		}
		var hosts, paths []string
		for _, f := range HostFolders(goos, home, getenv) {
			hosts, paths = append(hosts, f.Host), append(paths, f.Path)
		}
		if diff := cmp.Diff([]string{"Claude Desktop", "Claude Code", "VS Code", "Cursor"}, hosts); diff != "" {
			t.Errorf("%s: %s", goos, diff)
		}
		sources, err := input.Find(paths, nil)
		if err != nil || len(sources) != len(files) {
			t.Errorf("%s: %d files, want %d: %v", goos, len(sources), len(files), err)
		}
		if empty := HostFolders(goos, t.TempDir(), func(string) string { return "" }); len(empty) != 0 {
			t.Errorf("%s: found %v in an empty home", goos, empty)
		}
	}
}

// The requests that the guide's correlation script reports are found: those with an
// error or over a second from their first to their last line.
func TestRequests(t *testing.T) {
	var b strings.Builder
	start := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(3, 4))
	want := map[string]bool{}
	for id := range 200 {
		at, failed, first := start.Add(time.Duration(id)*time.Second), false, time.Time{}
		last := first
		for range 1 + r.IntN(4) {
			level := "info"
			if r.IntN(20) == 0 {
				level, failed = "error", true
			}
			fmt.Fprintf(&b, `{"timestamp":%q,"level":%q,"event":"step","request_id":"r%d","endpoint":"/mcp"}`+"\n", at.Format("2006-01-02T15:04:05.000Z"), level, id)
			if first.IsZero() {
				first = at
			}
			last, at = at, at.Add(time.Duration(r.IntN(700))*time.Millisecond)
		}
		if failed || last.Sub(first) > time.Second {
			want[fmt.Sprint("r", id)] = true
		}
	}
	got := map[string]bool{}
	for _, row := range read(t, b.String(), func(o *Options) { o.Top = 1000 }).Requests {
		got[row.Request] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An error that the guide's script would call an anomaly, and that is one, is found.
func TestAnomalies(t *testing.T) {
	var b strings.Builder
	start := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(5, 6))
	for minute := range 25 * 60 {
		at := start.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339)
		fmt.Fprintf(&b, `{"timestamp":%q,"level":"info","event":"request"}`+"\n", at)
		if odds := r.IntN(10); odds == 0 || minute >= 24*60 && odds < 8 {
			fmt.Fprintf(&b, `{"timestamp":%q,"level":"error","error_type":"upstream_timeout","event":"request_failed"}`+"\n", at)
		}
	}
	found := read(t, b.String()).Anomalies.Findings
	if len(found) == 0 || found[0].Key.Kind != "error" || !strings.Contains(found[0].Key.Name, "upstream_timeout") || found[0].Since.Hour() != 0 && found[0].Since.Hour() != 23 {
		t.Errorf("got %+v", found)
	}
}

// The telling line of a log is its last error, else its last line.
func TestLastWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ log, want string }{
		{"listening\n\nbye\n\n", "bye"},
		{"node:events:497\n      throw er; // Unhandled 'error' event\n      ^\n\nError: listen EADDRINUSE: address already in use\n    at Server.listen\n" +
			"Emitted 'error' event on Server instance at:\n  code: 'EADDRINUSE'\n}\n\nNode.js v22.1.0\n", "Error: listen EADDRINUSE: address already in use"},
		{"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xe13fde node::Abort()\n", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"},
		{"panic: nil map\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:3\nexit status 2\n", "panic: nil map"},
		{"Traceback (most recent call last):\n  File \"x\"\nModuleNotFoundError: No module named 'mcp'\n", "ModuleNotFoundError: No module named 'mcp'"},
		{"ERROR:    [Errno 98] address already in use\nINFO:     Waiting for application shutdown.\n", "ERROR:    [Errno 98] address already in use"},
		{"error: first\nxxx\nerror: last\n", "error: last"},
		{"Error: password=SECRET is wrong\n", "Error: password=REDACTED is wrong"},
		{"", ""},
	} {
		got, err := LastWordsOf([]byte(test.log))
		if err != nil || got.Line != test.want {
			t.Errorf("of %q: %+v, %v, want %q", test.log[max(0, len(test.log)-200):], got, err, test.want)
		}
	}
}

func TestOutOfMemory(t *testing.T) {
	last, err := LastWordsOf([]byte("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n"))
	if err != nil || !last.OutOfMemory() || !last.Failed {
		t.Errorf("got %+v, %v", last, err)
	}
}

// No part of a result or of a page shows a secret, whatever field it stood in.
func TestSecretsInEveryField(t *testing.T) {
	const log = `{"time":"2026-11-25T09:00:00Z","level":"error","msg":"password=SECRET1234567890","request_id":"sk-SECRET1234567890abcdef","user":"sk-SECRET1234567890abcdef","tool":"search","duration_ms":5000,"endpoint":"/mcp?token=SECRET","error":"Cookie: x=SECRET"}
-----BEGIN RSA PRIVATE KEY-----
SECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRET1234
SECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRET1234
-----END RSA PRIVATE KEY-----
`
	r := read(t, log, func(o *Options) { o.Request = "sk-SECRET1234567890abcdef" })
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	if err := r.Page(&page, false, SectionNames()); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{string(data), page.String()} {
		if i := strings.Index(out, "SECRET"); i >= 0 {
			t.Errorf("a secret comes out: …%s", out[max(0, i-80):min(len(out), i+80)])
		}
	}
}

// Answers have the tool and the duration of their call, so that a condition finds them.
func TestFilteredCalls(t *testing.T) {
	for condition, want := range map[string]CallRow{
		`tool == "search"`:                      {Name: "search", Calls: 4, Errors: 2, IsError: 1, InFlight: 1},
		`duration > 400ms and tool == "search"`: {Name: "search", Calls: 1, Errors: 1, IsError: 1},
	} {
		f, err := filter.Parse(condition)
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, hostLog, func(o *Options) { o.Where = f })
		if len(r.Calls) != 1 {
			t.Errorf("%s: %+v", condition, r.Calls)
			continue
		}
		got := r.Calls[0]
		got.LatencyMS = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", condition, diff)
		}
	}
}

// Lines at the start and at the end of a call make one call.
func TestStartAndEndLines(t *testing.T) {
	var b strings.Builder
	start := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	for i := range 50 {
		at, level, event := start.Add(time.Duration(i)*time.Minute), "info", "tool finished"
		if i%10 == 0 {
			level, event = "error", "tool failed"
		}
		fmt.Fprintf(&b, `{"timestamp":%q,"level":"info","event":"tool started","tool":"search","request_id":"r%d"}`+"\n", at.Format(time.RFC3339), i)
		fmt.Fprintf(&b, `{"timestamp":%q,"level":%q,"event":%q,"tool":"search","request_id":"r%d"}`+"\n", at.Add(2*time.Second).Format(time.RFC3339), level, event, i)
	}
	fmt.Fprintf(&b, `{"timestamp":%q,"level":"info","event":"tool started","tool":"search","request_id":"hangs"}`+"\n", start.Add(time.Hour).Format(time.RFC3339))
	fmt.Fprintf(&b, `{"timestamp":%q,"level":"info","event":"shutdown"}`+"\n", start.Add(time.Hour+10*time.Second).Format(time.RFC3339))
	r := read(t, b.String())
	if c := r.Calls[0]; c.Calls != 51 || c.Errors != 5 || c.Unanswered != 1 || c.LatencyMS.Count != 50 {
		t.Errorf("calls: %+v", c)
	}
	if e := r.ErrorRates[0]; e.Lines != 50 || e.Errors != 5 {
		t.Errorf("error rate: %+v", e)
	}
	if r.SlowOver != 50 || r.Requests[0].Request != "hangs" || r.Requests[0].Unanswered != 1 {
		t.Errorf("%d slow, requests: %+v", r.SlowOver, r.Requests[0])
	}
}

// The duration that a line gives counts for its request.
func TestRequestsOfOneLine(t *testing.T) {
	r := read(t, `{"time":"2026-11-25T09:00:00Z","level":30,"reqId":"r-1","msg":"done","responseTime":3000}`+"\n")
	if len(r.Requests) != 1 || r.Requests[0].MS != 3000 {
		t.Errorf("got %+v", r.Requests)
	}
}

func TestVerdicts(t *testing.T) {
	none, err := filter.Parse(`tool == "nosuch"`)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, log string
		change    func(*Options)
		headline  string
		want      finding.Outcome
	}{
		{"nothing matches", hostLog, func(o *Options) { o.Where = none }, "no entry of 13 lines matches", finding.Failed},
		{"no such request", hostLog, func(o *Options) { o.Request = "zzz" }, "no line of 13 lines belongs to request zzz", finding.Failed},
		{"a request", hostLog, func(o *Options) { o.Request = "2" }, "request 2: 2 lines, 500ms, 1 error", finding.Clean},
		{"not understood", "xx\nyy zz\n", func(*Options) {}, "the format of 2 of 2 lines is not known", finding.Failed},
	} {
		rep := read(t, test.log, test.change).Report()
		if !strings.HasPrefix(rep.Headline, test.headline) || rep.Outcome != test.want {
			t.Errorf("%s: %q, outcome %d", test.name, rep.Headline, rep.Outcome)
		}
	}
}

// Memory is bounded: messages that are all different do not pile up.
// Names that are cut count as one, and a full table counts the rest under one name.
func TestLongAndManyNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 500)
	refused := `{"time":"2026-11-25T09:00:00Z","level":"warn","msg":"authentication_failed","event":"authentication_failed","user_id":"%s","reason":"%s"}` + "\n"
	r := read(t, strings.Repeat(fmt.Sprintf(refused, "ann", long), 5)+
		strings.Repeat(`{"time":"2026-11-25T09:00:00Z","level":"error","msg":"deadlock detected","statement":"SELECT `+long+`"}`+"\n", 5)+
		strings.Repeat(`{"time":"2026-11-25T09:00:00Z","level":"info","msg":"done","endpoint":"/`+long+`","status":200,"duration_ms":1}`+"\n", 5))
	if len(r.Auth) != 1 || r.Auth[0].Count != 5 || r.Auth[0].Who != "ann" {
		t.Errorf("refusals: %+v", r.Auth)
	}
	if len(r.Database) != 1 || r.Database[0].Count != 5 {
		t.Errorf("deadlocks: %+v", r.Database)
	}
	if !slices.ContainsFunc(r.ErrorRates, func(row RateRow) bool { return row.Lines == 5 && len(row.Name) == maxText }) {
		t.Errorf("rates: %+v", r.ErrorRates)
	}
	var b strings.Builder
	for i := range maxNames + 100 {
		fmt.Fprintf(&b, refused, fmt.Sprintf("user-%d", i), "expired")
	}
	if r = read(t, b.String()); r.Auth[0].Count != 100 || r.Auth[0].Who != others {
		t.Errorf("of a full table: %+v", r.Auth[0])
	}
}

// An id that is no number loses nothing in JavaScript, however long it is.
func TestLongIDs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]int64{`"6f1c7c1e-7c57-4d0e-9d1b-0f3f5a6f7a10"`: 0, "9007199254740993": 1, "12345678901234567": 1, "9007199254740992": 0} {
		line := `2026-11-25T09:00:33.000Z [info] [demo] Message from client: {"method":"tools/call","params":{"name":"search"},"jsonrpc":"2.0","id":` + id + "}\n"
		if r := read(t, line); r.BigIDs != want {
			t.Errorf("%s: %d ids beyond 2^53, want %d", id, r.BigIDs, want)
		}
	}
}

func TestManyTemplates(t *testing.T) {
	var b strings.Builder
	r := rand.New(rand.NewPCG(7, 8))
	for range 30000 {
		fmt.Fprintf(&b, "2026-11-25T09:00:00Z %s %s %s %s %s\n", word(r), word(r), word(r), word(r), word(r))
	}
	c, err := newCollector(&Options{Top: 5})
	if err != nil {
		t.Fatal(err)
	}
	var stats input.Stats
	err = input.Read(t.Context(), input.FromReader("log", strings.NewReader(b.String())), input.Options{Zone: time.UTC}, &stats, func(e *input.Entry) error {
		c.add(e, c.subjects.of(e), nil)
		return nil
	})
	if n := len(c.series); err != nil || n > maxTemplates+1 {
		t.Errorf("%d templates have a series, %v", n, err)
	}
}

func word(r *rand.Rand) string {
	letters := make([]byte, 6)
	for i := range letters {
		letters[i] = byte('a' + r.IntN(26))
	}
	return string(letters)
}

// The verdict is OK only where nothing went wrong; errors without a known fault and
// without a change are counted, and are no finding.
func TestVerdict(t *testing.T) {
	t.Parallel()
	line := func(at time.Time, level, message, more string) string {
		return fmt.Sprintf(`{"time":%q,"level":%q,"msg":%q%s}`+"\n", at.Format(time.RFC3339), level, message, more)
	}
	begin := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	steady := func(message, more string) string { // one in a hundred is message
		var b strings.Builder
		r := rand.New(rand.NewPCG(9, 9))
		for i := range 20000 {
			at := begin.Add(time.Duration(i) * 4 * time.Second)
			if r.IntN(100) == 0 {
				b.WriteString(line(at, "error", message, more))
				continue
			}
			b.WriteString(line(at, "info", "call done", ""))
		}
		return b.String()
	}
	for _, test := range []struct{ name, log, verdict, headline string }{
		{"too short to compare", line(begin, "info", "done", ""), "ok", "^no known fault in 1 line"},
		{"a steady share of database errors", steady("query failed", `,"error":"duplicate key value violates unique constraint"`), "errors",
			"^no known fault and no change of rates in 20,000 lines .*; [12][0-9]{2} errors of 1 kind, most: duplicate key value .* \\([12][0-9]{2}\\)$"},
		{"unanswered", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search"}}` + "\n", "unanswered", "; 1 call without an answer$"},
		{"refused", line(begin, "warn", "login failed", `,"user":"u1"`), "refused", "; 1 refusal$"},
		{"over a limit", line(begin, "warn", "too many requests", `,"user":"u1"`), "limited", "; 1 request over a limit$"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rep := read(t, test.log).Report()
			if string(rep.Verdict) != test.verdict || !regexp.MustCompile(test.headline).MatchString(rep.Headline) || rep.Outcome != finding.Clean {
				t.Errorf("%s: %s, outcome %v", rep.Verdict, rep.Headline, rep.Outcome)
			}
			if (rep.Severity == finding.Pass) != (test.verdict == "ok") {
				t.Errorf("severity %v of %s", rep.Severity, rep.Verdict)
			}
		})
	}
}

// Errors that travel in a success are in the chart of errors.
func TestChartOfFailures(t *testing.T) {
	t.Parallel()
	r := read(t, hostLog)
	sum := 0.0
	for _, l := range r.chart.Lines {
		for _, p := range l.Points {
			sum += p[1]
		}
	}
	if len(r.chart.Lines) != 1 || r.chart.Lines[0].Name != "error" || sum != 2 {
		t.Errorf("chart %+v", r.chart.Lines)
	}
}

// A condition on durations holds below --slow too, and one on the error rate whatever the rates
// are listed by.
func TestFailOnFigures(t *testing.T) {
	t.Parallel()
	const log = `{"level":"info","tool":"search","duration_ms":800,"msg":"done"}
{"level":"error","endpoint":"/mcp","status":500,"msg":"failed"}
`
	for _, by := range []string{"", "user", "tool"} {
		for _, condition := range []string{"slow>500ms", "error-rate>40%"} {
			f, err := ParseFailOn(condition)
			if err != nil {
				t.Fatal(err)
			}
			r := read(t, log, func(o *Options) { o.FailOn, o.By = []FailOn{f}, by })
			if r.Judge(nil); len(r.Crossed) != 1 {
				t.Errorf("%s by %q does not hold", condition, by)
			}
		}
	}
}

// Requests that were served, and routine lines about limits, are neither refused nor limited.
func TestServedRequests(t *testing.T) {
	t.Parallel()
	r := read(t, `10.0.0.7 - - [25/Nov/2026:09:00:30 +0000] "GET /forbidden HTTP/1.1" 200 64
10.0.0.7 - - [25/Nov/2026:09:00:30 +0000] "GET /ratelimit HTTP/1.1" 200 64
{"level":"debug","msg":"headers x-ratelimit-remaining: 59"}
INFO:mcp:rate limit: 100 a minute
console rate limit remaining 58
`)
	if len(r.Auth) != 0 || len(r.RateLimit) != 0 {
		t.Errorf("refused %+v, limited %+v", r.Auth, r.RateLimit)
	}
	r = read(t, `{"level":"info","event":"rate_limit_exceeded","status":200}
{"level":"warn","msg":"rate limit for u1"}
INFO:mcp:rate limit exceeded for u1
`)
	if n := r.limitedCount(); n != 3 {
		t.Errorf("%d requests over a limit: %+v", n, r.RateLimit)
	}
}

// The first and the last time of a row are the earliest and the latest, in whatever order the
// streams of a log end.
func TestFirstAndLast(t *testing.T) {
	t.Parallel()
	r := read(t, `[a] 2026-11-25T09:00:01Z ERROR failed
[b] 2026-11-25T09:00:02Z ERROR failed
[b] 2026-11-25T09:00:03Z ERROR failed
[b] 2026-11-25T09:00:04Z ERROR failed
`)
	if len(r.Errors) != 1 || r.Errors[0].First.Second() != 1 || r.Errors[0].Last.Second() != 4 {
		t.Errorf("%+v", r.Errors)
	}
}

// Rows with equal identifiers are in the same order in each run.
func TestOrderOfOpenCalls(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	for i := range 15 {
		fmt.Fprintf(&log, "2026-11-25T09:00:32.000Z [info] [s%02d] Message from client: {\"method\":\"tools/call\",\"params\":{\"name\":\"t\"},\"jsonrpc\":\"2.0\",\"id\":1}\n", i)
	}
	first := read(t, log.String()).Requests
	for range 5 {
		if diff := cmp.Diff(first, read(t, log.String()).Requests); diff != "" {
			t.Fatal(diff)
		}
	}
}

// A routine message of a server is no fault; the same in the log of a host is.
func TestRoutineMessages(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]int{
		"2026-11-25 09:00:01 INFO retry policy: ECONNREFUSED is tried again\n":      0,
		"2026-11-25 09:00:01 ERROR ECONNREFUSED\n":                                  1,
		"2026-11-25 09:00:01.123 [info] Connection state: ECONNREFUSED 127.0.0.1\n": 1,
	} {
		if got := read(t, log).Signatures; len(got) != want {
			t.Errorf("%q: %+v", log, got)
		}
	}
}

// A pool is one of a database, and a word that contains another one is not.
func TestNoDatabase(t *testing.T) {
	t.Parallel()
	if got := read(t, "ERROR:mcp:Error calling tool: the pool 'pool-55' is closed\n").Database; len(got) != 1 || got[0].Class != "pool closed" {
		t.Errorf("%+v", got)
	}
	if got := read(t, "ERROR:mcp:the weather of Liverpool does not exist\n").Database; len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// Of very many calls that failed, the longest are listed.
func TestLongestCalls(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	call := func(i, seconds int) {
		at := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute)
		fmt.Fprintf(&log, "%s [info] [demo] Message from client: {\"method\":\"tools/call\",\"params\":{\"name\":\"t\"},\"jsonrpc\":\"2.0\",\"id\":%d}\n", at.Format(time.RFC3339), i)
		fmt.Fprintf(&log, "%s [info] [demo] Message from server: {\"jsonrpc\":\"2.0\",\"id\":%d,\"error\":{\"code\":-1,\"message\":\"x\"}}\n", at.Add(time.Duration(seconds)*time.Second).Format(time.RFC3339), i)
	}
	for i := range 2*maxCalls + 10 {
		call(i, 1)
	}
	call(5000, 50)
	if got := read(t, log.String()).Requests; len(got) == 0 || got[0].Request != "5000" || got[0].MS != 50000 {
		t.Errorf("%+v", got[:min(len(got), 1)])
	}
}
