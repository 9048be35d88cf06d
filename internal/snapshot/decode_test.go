package snapshot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// ignoreRaw compares what a document means, not how it was written.
var ignoreRaw = cmpopts.IgnoreFields(Snapshot{}, "Raw", "Warnings")

func at(ms int64) *Time { return &Time{time.UnixMilli(ms)} }

func TestDecodeEveryField(t *testing.T) {
	got, err := Decode([]byte(`{
		"timestamp": 1763700000000, "activeSessions": 12,
		"toolCallStack": [{"id": "c1", "name": "search", "durationMs": 532, "parentId": "c0", "sessionId": "s1", "handler": "h",
			"startedAt": "2025-11-21T04:39:59Z"}],
		"handlerQueue": {"search": 3}, "heapUsedMB": 61.4, "rssMB": 100, "pid": 7, "startTime": 1763690000, "uptimeMs": 5.5,
		"sessionsCreatedTotal": 20, "sessionsClosedTotal": 8, "oldestSessionAgeMs": 9, "openStreams": 4, "callsTotal": 99, "errorsTotal": 0,
		"handlers": {"search": {"calls": 90, "errors": 1, "retainedMB": 0.5}},
		"poll": {"at": 1763700000001, "target": "http://h", "latencyMs": 1.5, "dnsMs": 0.1, "connectMs": 0.2, "tlsMs": 0.3, "firstByteMs": 1.25, "intervalMs": 1000, "skipped": 2, "restarted": true},
		"unknown": {"kept": [1, 2]}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Snapshot{
		Timestamp: at(1763700000000), ActiveSessions: new(int64(12)),
		ToolCallStack: []Call{{ID: "c1", Name: "search", DurationMs: new(532.0), ParentID: "c0", SessionID: "s1", Handler: "h", StartedAt: at(1763699999000)}},
		HandlerQueue:  map[string]int64{"search": 3}, HeapUsedMB: new(61.4), RSSMB: new(100.0), PID: new(int64(7)), StartTime: at(1763690000000),
		UptimeMs: new(5.5), SessionsCreatedTotal: new(int64(20)), SessionsClosedTotal: new(int64(8)), OldestSessionAgeMs: new(9.0),
		OpenStreams: new(int64(4)), CallsTotal: new(int64(99)), ErrorsTotal: new(int64(0)),
		Handlers: map[string]Handler{"search": {Calls: new(int64(90)), Errors: new(int64(1)), RetainedMB: new(0.5)}},
		Poll:     &Poll{At: *at(1763700000001), Target: "http://h", LatencyMs: 1.5, DNSMs: 0.1, ConnectMs: 0.2, TLSMs: 0.3, FirstByteMs: 1.25, IntervalMs: 1000, Skipped: 2, Restarted: true},
	}
	if diff := cmp.Diff(want, got, ignoreRaw); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(got.Warnings) > 0 {
		t.Errorf("warnings of a clean document: %q", got.Warnings)
	}
}

// An implausible value is omitted, and a warning names its field.
func TestDecodeDoubts(t *testing.T) {
	sessions := func(n int64) *Snapshot { return &Snapshot{ActiveSessions: &n} }
	heap := func(v float64) *Snapshot { return &Snapshot{HeapUsedMB: &v} }
	manyNames := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"x%d": 0, `, i)
		}
		return b.String()
	}
	for name, tc := range map[string]struct {
		doc     string
		want    *Snapshot
		warning string // "" is none
	}{
		"null is absent":              {`{"activeSessions": null, "heapUsedMB": 1, "toolCallStack": null, "handlerQueue": null, "handlers": null, "timestamp": null, "poll": null}`, heap(1), ""},
		"zero is not absent":          {`{"activeSessions": 0}`, sessions(0), ""},
		"a string for a number":       {`{"activeSessions": "12"}`, sessions(12), "activeSessions is a string that holds a number"},
		"a string for nothing":        {`{"activeSessions": "many"}`, &Snapshot{}, `activeSessions is "many", which is not a number; omitted`},
		"NaN in a string":             {`{"heapUsedMB": "NaN"}`, &Snapshot{}, "heapUsedMB is"},
		"Infinity in a string":        {`{"heapUsedMB": "Infinity"}`, &Snapshot{}, "heapUsedMB is"},
		"1e400":                       {`{"heapUsedMB": 1e400}`, &Snapshot{}, `heapUsedMB is "1e400"`},
		"1e300":                       {`{"heapUsedMB": 1e300}`, &Snapshot{}, "heapUsedMB is 1e+300"},
		"-1":                          {`{"activeSessions": -1}`, &Snapshot{}, "activeSessions is -1"},
		"a negative amount":           {`{"heapUsedMB": -0.5}`, &Snapshot{}, "heapUsedMB is -0.5, below zero"},
		"a fraction of a session":     {`{"activeSessions": 1.5}`, &Snapshot{}, "activeSessions is 1.5"},
		"1.0 is whole":                {`{"activeSessions": 1.0}`, sessions(1), ""},
		"2^53":                        {`{"activeSessions": 9007199254740992}`, sessions(1 << 53), ""},
		"2^63":                        {`{"activeSessions": 9223372036854775808}`, &Snapshot{}, "activeSessions is 9.22"},
		"true":                        {`{"activeSessions": true}`, &Snapshot{}, "activeSessions is not a number"},
		"wrong case":                  {`{"ACTIVESESSIONS": 5, "activeSessions": 3}`, sessions(3), "did you mean activeSessions?"},
		"a letter that folds":         {`{"activeſessions": 5, "heapUsedMB": 1}`, heap(1), "did you mean activeSessions?"},
		"the same key twice":          {`{"heapUsedMB": 1, "heapUsedMB": 2}`, heap(1), "heapUsedMB occurs twice"},
		"twice, written otherwise":    {`{"heapUsedMB": 1, "heapUsed\u004dB": 2}`, heap(1), "heapUsedMB occurs twice"},
		"twice, after many others":    {`{` + manyNames(100) + `"heapUsedMB": 1, "heapUsedMB": 2}`, heap(1), "heapUsedMB occurs twice"},
		"a stack that is none":        {`{"heapUsedMB": 1, "toolCallStack": {"a": 1}}`, heap(1), "toolCallStack is not an array"},
		"a call that is none":         {`{"toolCallStack": [5, {"id": "a", "name": "b"}]}`, &Snapshot{ToolCallStack: []Call{{ID: "a", Name: "b"}}}, "not an object"},
		"the same id twice":           {`{"toolCallStack": [{"id": "a"}, {"id": "a"}]}`, &Snapshot{ToolCallStack: []Call{{ID: "a"}, {ID: "a"}}}, "is the same in two calls"},
		"no id":                       {`{"toolCallStack": [{"name": "a"}]}`, &Snapshot{ToolCallStack: []Call{{Name: "a"}}}, "is missing from a call"},
		"a number for an id":          {`{"toolCallStack": [{"id": 17, "name": "a"}]}`, &Snapshot{ToolCallStack: []Call{{ID: "17", Name: "a"}}}, ""},
		"an object for a name":        {`{"toolCallStack": [{"id": "1", "name": {}}]}`, &Snapshot{ToolCallStack: []Call{{ID: "1"}}}, "toolCallStack[].name is not a string"},
		"a negative age":              {`{"toolCallStack": [{"id": "1", "durationMs": -5}]}`, &Snapshot{ToolCallStack: []Call{{ID: "1"}}}, "toolCallStack[].durationMs is -5"},
		"a queue as an array":         {`{"handlerQueue": [{"handler": "a", "depth": 2}, {"depth": null, "handler": "b"}]}`, &Snapshot{HandlerQueue: map[string]int64{"a": 2}}, ""},
		"a queue of something else":   {`{"handlerQueue": [5, {"handler": "a", "depth": 2}]}`, &Snapshot{HandlerQueue: map[string]int64{"a": 2}}, "handlerQueue[] is not an object"},
		"a queue as a number":         {`{"handlerQueue": 5}`, &Snapshot{}, "handlerQueue is not an object or an array"},
		"a negative depth":            {`{"handlerQueue": {"a": -2, "b": 1}}`, &Snapshot{HandlerQueue: map[string]int64{"b": 1}}, "handlerQueue.a is -2"},
		"a handler that is none":      {`{"handlers": {"a": 5, "b": {"calls": 1}}}`, &Snapshot{Handlers: map[string]Handler{"b": {Calls: new(int64(1))}}}, "handlers.a is not an object"},
		"milliseconds":                {`{"timestamp": 1763700000123}`, &Snapshot{Timestamp: at(1763700000123)}, ""},
		"seconds":                     {`{"timestamp": 1763700000}`, &Snapshot{Timestamp: at(1763700000000)}, ""},
		"seconds with a fraction":     {`{"timestamp": 1763700000.25}`, &Snapshot{Timestamp: at(1763700000250)}, ""},
		"RFC 3339":                    {`{"timestamp": "2025-11-21T05:40:00.5+01:00"}`, &Snapshot{Timestamp: at(1763700000500)}, ""},
		"a time that is none":         {`{"timestamp": "yesterday"}`, &Snapshot{}, `timestamp "yesterday" is not RFC 3339`},
		"a time beyond all":           {`{"timestamp": 1e300}`, &Snapshot{}, "timestamp 1e+300 is no time"},
		"a time as a list":            {`{"timestamp": []}`, &Snapshot{}, "timestamp is not a time"},
		"a byte order mark":           {"\xef\xbb\xbf" + `{"heapUsedMB": 1}`, heap(1), ""},
		"a poll that is none":         {`{"poll": 5, "heapUsedMB": 1}`, heap(1), "poll is not an object"},
		"invalid UTF-8 in a name":     {`{"toolCallStack": [{"id": "a` + "\xff" + `"}]}`, &Snapshot{ToolCallStack: []Call{{ID: "a\ufffd"}}}, ""},
		"half a surrogate in a name":  {`{"toolCallStack": [{"id": "a\ud800"}]}`, &Snapshot{ToolCallStack: []Call{{ID: "a\ufffd"}}}, ""},
		"a name of a megabyte is cut": {`{"toolCallStack": [{"id": "` + strings.Repeat("é", 1<<19) + `"}]}`, &Snapshot{ToolCallStack: []Call{{ID: strings.Repeat("é", MaxName/2)}}}, "toolCallStack[].id is longer than 1000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode([]byte(tc.doc))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, ignoreRaw, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			switch all := strings.Join(got.Warnings, "\n"); {
			case tc.warning == "" && all != "":
				t.Errorf("unwanted warnings %q", all)
			case !strings.Contains(all, tc.warning):
				t.Errorf("warnings %q do not have %q", all, tc.warning)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ doc, want string }{
		"nothing":          {"", "the document is empty"},
		"spaces":           {" \r\n", "the document is empty"},
		"a login page":     {"<!doctype html><title>Log in</title>", "this is HTML, not JSON"},
		"trailing garbage": {`{"heapUsedMB": 1} x`, "unexpected data after the document"},
		"two documents":    {`{"heapUsedMB": 1}{"heapUsedMB": 2}`, "unexpected data after the document"},
		"cut off":          {`{"heapUsedMB": 1`, "the JSON is cut off"},
		"an array":         {`[{"heapUsedMB": 1}]`, "a snapshot is a JSON object"},
		"null":             {`null`, "a snapshot is a JSON object"},
		"not JSON":         {`heap: 5`, "not JSON"},
		"another object":   {`{"status": "ok"}`, "no field of a snapshot"},
		"NaN":              {`{"heapUsedMB": NaN}`, "not JSON"},
		"too deep":         {`{"x": ` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`, "depth"},
		"too deep a stack": {`{"toolCallStack": ` + strings.Repeat(`[`, 10_001) + strings.Repeat("]", 10_001) + `}`, "depth"},
		"a raw control":    {"{\"heapUsedMB\": 1, \"a\x1b[2J\": 2}", "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(tc.doc))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want one with %q", err, tc.want)
			}
			if len(err.Error()) > 500 {
				t.Errorf("the error has %d bytes: %.200s…", len(err.Error()), err)
			}
		})
	}
}

// Queues and handlers are bounded too, with one warning each.
func TestBoundedQueuesAndHandlers(t *testing.T) {
	var queues, handlers strings.Builder
	for i := range MaxStack + 5 {
		fmt.Fprintf(&queues, `,"q%d": 1`, i)
		fmt.Fprintf(&handlers, `,"h%d": {"calls": 1}`, i)
	}
	s, err := Decode([]byte(`{"handlerQueue": {` + queues.String()[1:] + `}, "handlers": {` + handlers.String()[1:] + `}}`))
	if err != nil || len(s.HandlerQueue) != MaxStack || len(s.Handlers) != MaxStack {
		t.Fatalf("%d queues, %d handlers, %v", len(s.HandlerQueue), len(s.Handlers), err)
	}
	want := []string{"handlerQueue holds more than 10000 queues; the rest is omitted", "handlers holds more than 10000 handlers; the rest is omitted"}
	if diff := cmp.Diff(want, s.Warnings); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeBoundsTheStack(t *testing.T) {
	const n = 1_000_000
	var b strings.Builder
	b.WriteString(`{"toolCallStack": [`)
	for i := range n {
		fmt.Fprintf(&b, `{"id":"%d","name":"x"},`, i)
	}
	b.WriteString(`{"id":"last","name":"x"}], "heapUsedMB": 5}`)
	s, err := Decode([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.ToolCallStack) != MaxStack || s.HeapUsedMB == nil {
		t.Errorf("%d calls, heap %v; want %d calls and what comes after them", len(s.ToolCallStack), s.HeapUsedMB, MaxStack)
	}
	if len(s.Warnings) != 1 {
		t.Errorf("warnings %q, want one", s.Warnings)
	}
}

func TestDecodeBoundsWarnings(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"handlerQueue": {`)
	for i := range 1000 {
		fmt.Fprintf(&b, `"%d": -1,`, i)
	}
	b.WriteString(`"last": 0}}`)
	s, err := Decode([]byte(b.String()))
	if err != nil || len(s.Warnings) != maxWarnings {
		t.Errorf("%v, %d warnings, want %d", err, len(s.Warnings), maxWarnings)
	}
}

// What is derived from absurd figures stays in its range.
func TestDerivedFiguresDoNotOverflow(t *testing.T) {
	s, err := Decode([]byte(`{"timestamp": 1763700000000, "uptimeMs": 9e15, "toolCallStack": [{"id": "a", "durationMs": 9e15}],
		"handlerQueue": {` + queues(2000) + `"last": 9007199254740992}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, age := s.Oldest(); age <= 0 {
		t.Errorf("the age of the oldest call is %s", age)
	}
	if q := s.Queued(); q <= 0 {
		t.Errorf("%d calls are queued", q)
	}
	if s.Started().After(s.Timestamp.Time) {
		t.Errorf("it started at %s, after the snapshot", s.Started())
	}
}

func queues(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"q%d": 9007199254740992, `, i)
	}
	return b.String()
}

func TestAge(t *testing.T) {
	for name, tc := range map[string]struct {
		doc   string
		want  time.Duration
		known bool
	}{
		"durationMs":             {`{"toolCallStack": [{"id": "a", "durationMs": 1500, "startedAt": 1}]}`, 1500 * time.Millisecond, true},
		"startedAt":              {`{"timestamp": 1763700002000, "toolCallStack": [{"id": "a", "startedAt": 1763700000000}]}`, 2 * time.Second, true},
		"startedAt and the poll": {`{"poll": {"at": 1763700003000}, "toolCallStack": [{"id": "a", "startedAt": 1763700000000}]}`, 3 * time.Second, true},
		"in the future":          {`{"timestamp": 1763700000000, "toolCallStack": [{"id": "a", "startedAt": 1763700009000}]}`, 0, false},
		"neither":                {`{"timestamp": 1763700000000, "toolCallStack": [{"id": "a"}]}`, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Decode([]byte(tc.doc))
			if err != nil {
				t.Fatal(err)
			}
			if got, known := s.Age(&s.ToolCallStack[0]); got != tc.want || known != tc.known {
				t.Errorf("%s, %t; want %s, %t", got, known, tc.want, tc.known)
			}
		})
	}
}

func TestRestarted(t *testing.T) {
	for name, tc := range map[string]struct{ before, after, want string }{
		"nothing is known":       {`{"heapUsedMB": 50}`, `{"heapUsedMB": 5}`, ""},
		"the same":               {`{"pid": 1, "uptimeMs": 5, "callsTotal": 9}`, `{"pid": 1, "uptimeMs": 6, "callsTotal": 9}`, ""},
		"another pid":            {`{"pid": 1}`, `{"pid": 2}`, "the pid changed from 1 to 2"},
		"a later start":          {`{"startTime": 1763700000}`, `{"startTime": 1763700005}`, "the start time moved on"},
		"a start that jitters":   {`{"startTime": 1763700000.1}`, `{"startTime": 1763700000.9}`, ""},
		"the clock was set back": {`{"startTime": 1763700005, "uptimeMs": 10}`, `{"startTime": 1763600000, "uptimeMs": 20}`, ""},
		"a younger process":      {`{"uptimeMs": 500}`, `{"uptimeMs": 20}`, "the uptime fell"},
		"a counter that fell":    {`{"sessionsClosedTotal": 5}`, `{"sessionsClosedTotal": 0}`, "sessionsClosedTotal fell"},
		"a counter that is gone": {`{"callsTotal": 5}`, `{"heapUsedMB": 1}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before, errA := Decode([]byte(tc.before))
			after, errB := Decode([]byte(tc.after))
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if got, restarted := Restarted(before, after); got != tc.want || restarted != (tc.want != "") {
				t.Errorf("%q, %t; want %q", got, restarted, tc.want)
			}
		})
	}
}
