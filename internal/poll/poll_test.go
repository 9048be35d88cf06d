package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Tick k is start + k × interval, whatever the polls before it took.
func TestSchedule(t *testing.T) {
	start := time.Unix(1000, 0)
	const interval = 100 * time.Millisecond
	type tick struct {
		At      time.Duration
		Skipped int64
	}
	for name, tc := range map[string]struct {
		nows []time.Duration // when Next is asked
		want []tick
	}{
		"on time":           {[]time.Duration{0, 1, 101e6, 201e6}, []tick{{0, 0}, {100e6, 0}, {200e6, 0}, {300e6, 0}}},
		"one poll is late":  {[]time.Duration{0, 250e6, 301e6}, []tick{{0, 0}, {300e6, 2}, {400e6, 0}}},
		"exactly at a tick": {[]time.Duration{0, 200e6}, []tick{{0, 0}, {200e6, 1}}},
		"just after one":    {[]time.Duration{0, 200e6 + 1}, []tick{{0, 0}, {300e6, 2}}},
		"very late":         {[]time.Duration{0, 3600e9 + 1}, []tick{{0, 0}, {3600e9 + 100e6, 36000}}},
		"a late start":      {[]time.Duration{-50e6, 10e6}, []tick{{0, 0}, {100e6, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := Schedule{Start: start, Interval: interval}
			var got []tick
			for _, now := range tc.nows {
				at, skipped := s.Next(start.Add(now))
				got = append(got, tick{at.Sub(start), skipped})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// answers hands out one answer after the other, the last one for ever.
type answers struct {
	list []string
	n    int
}

func (a *answers) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	text := a.list[min(a.n, len(a.list)-1)]
	a.n++
	if text == "" {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = io.WriteString(w, text)
}

func target(t *testing.T, h http.Handler) *url.URL {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func newClient(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func alerts(t *testing.T, texts ...string) []Alert {
	t.Helper()
	var all []Alert
	for _, text := range texts {
		a, err := ParseAlert(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

// What a run notices: restarts, failures, alerts that are crossed and cleared.
func TestRun(t *testing.T) {
	u := target(t, &answers{list: []string{
		`{"pid": 1, "callsTotal": 5, "heapUsedMB": 10, "activeSessions": 3}`,
		`{"pid": 1, "callsTotal": 6, "heapUsedMB": 30, "activeSessions": 4}`,
		"", "",
		`{"pid": 2, "callsTotal": 0, "heapUsedMB": 5, "activeSessions": 0}`,
		`{"pid": 2, "callsTotal": 0, "heapUsedMB": 31}`,
	}})
	cfg := Config{Targets: []*url.URL{u}, Interval: time.Millisecond, Count: 6, Alerts: alerts(t, "heap>20MB", "failures>=2", "sessions<1")}
	var lines []string
	res, err := Run(t.Context(), cfg, newClient(t, client.Config{}), func(e Event) error {
		for _, line := range e.Lines() {
			lines = append(lines, strings.ReplaceAll(line, u.String(), "T"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"alert    T: heap>20MB (30.0 MB)",
		"alert    T: failures>=2 (2)",
		"restart  T: the pid changed from 1 to 2", "alert    T: sessions<1 (0)", "cleared  T: heap>20MB", "cleared  T: failures>=2",
		"alert    T: heap>20MB (31.0 MB)",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got := res.Targets[0]
	if res.Verdict != VerdictAlert || len(res.Alerts) != 4 || got.Polls != 6 || got.Failed != 2 || got.Restarts != 1 {
		t.Errorf("%+v, %+v", res, got)
	}
	if diff := cmp.Diff([]*Range{{10, 31, 31}, {3, 0, 4}}, []*Range{got.HeapMB, got.Sessions}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var text strings.Builder
	if err := res.Text(&text, report.Painter(false)); err != nil || !strings.Contains(text.String(), "10.0 MB → 31.0 MB") {
		t.Errorf("%s, %v", text.String(), err)
	}
}

// Replicas behind one address answer in turn, which is no restart; a process that comes
// anew is one.
func TestRunOfReplicas(t *testing.T) {
	t.Parallel()
	a, b, c := `{"pid": 1, "callsTotal": 5}`, `{"pid": 2, "callsTotal": 9}`, `{"pid": 3, "callsTotal": 0}`
	again := `{"pid": 3, "callsTotal": 0, "uptimeMs": 10}`
	for name, tc := range map[string]struct {
		answers             []string
		restarts, processes int64
	}{
		"two replicas":               {[]string{a, b, a, a, b, a}, 0, 2},
		"three replicas":             {[]string{a, b, c, a, c, b}, 0, 3},
		"restarts":                   {[]string{a, b, b, c}, 2, 0},
		"a restart of the same pid":  {[]string{`{"pid": 3, "callsTotal": 4, "uptimeMs": 90}`, again, again}, 1, 0},
		"a replica that is replaced": {[]string{a, b, a, c, a, c}, 0, 3},
		"a start from the uptime": {[]string{
			`{"pid": 1, "startTime": 1763700000.9}`, `{"pid": 2, "startTime": 1763700500}`, `{"pid": 1, "startTime": 1763700001.1}`, `{"pid": 2, "startTime": 1763700500.2}`,
		}, 0, 2},
		"the start tells more than id": {[]string{`{"pid": 1, "startTime": 1763700000}`, `{"pid": 1, "startTime": 1763700900}`, `{"pid": 1, "startTime": 1763700000}`}, 0, 2},
	} {
		u := target(t, &answers{list: tc.answers})
		cfg := Config{Targets: []*url.URL{u}, Interval: time.Millisecond, Count: len(tc.answers)}
		res, err := Run(t.Context(), cfg, newClient(t, client.Config{}), func(Event) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Targets[0]; got.Restarts != tc.restarts || got.Processes != tc.processes {
			t.Errorf("%s: %d restarts, %d processes; want %d, %d", name, got.Restarts, got.Processes, tc.restarts, tc.processes)
		}
		if warned := strings.Contains(strings.Join(res.Warnings, "\n"), "processes answer in turn"); warned != (tc.processes > 0) {
			t.Errorf("%s: warnings %q", name, res.Warnings)
		}
	}
}

// A server that does not list its calls may have some.
func TestOnceWithoutAListOfCalls(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{`{"heapUsedMB": 5}`: false, `{"toolCallStack": []}`: true} {
		cfg := Config{Targets: []*url.URL{target(t, &answers{list: []string{answer}})}, Interval: time.Millisecond, Count: 1, Once: true}
		res, err := Run(t.Context(), cfg, newClient(t, client.Config{}), func(Event) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := res.Text(&text, report.Painter(false)); err != nil || strings.Contains(text.String(), "no calls in flight") != want {
			t.Errorf("%s: %v, %s", answer, err, text.String())
		}
	}
}

// An alert on a queue that does not exist is never crossed, which must not look fine.
func TestAlertOnAQueueThatNoSnapshotLists(t *testing.T) {
	t.Parallel()
	for queue, warns := range map[string]int{"search": 0, "serach": 1} {
		u := target(t, &answers{list: []string{`{"handlerQueue": {"search": 3}}`}})
		cfg := Config{Targets: []*url.URL{u}, Interval: time.Millisecond, Count: 1, Alerts: alerts(t, "queue."+queue+">5")}
		res, err := Run(t.Context(), cfg, newClient(t, client.Config{}), func(Event) error { return nil })
		if err != nil || len(res.Warnings) != warns {
			t.Errorf("%s: warnings %q, error %v", queue, res.Warnings, err)
		}
	}
}

func TestRunEnds(t *testing.T) {
	good := &answers{list: []string{`{"heapUsedMB": 50}`}}
	broken := errors.New("the disk is full")
	for name, tc := range map[string]struct {
		h       http.Handler
		cfg     Config
		on      error
		polls   int64
		wantErr string
	}{
		"count":           {good, Config{Count: 3}, nil, 3, ""},
		"alert":           {good, Config{Alerts: alerts(t, "heap>1MB"), UntilAlert: true}, nil, 1, ""},
		"fail after":      {&answers{list: []string{""}}, Config{FailAfter: 2}, nil, 2, "2 polls in a row failed"},
		"nothing at all":  {&answers{list: []string{""}}, Config{Count: 2}, nil, 2, "500 Internal Server Error"},
		"the writer":      {good, Config{}, broken, 1, "the disk is full"},
		"down, as feared": {&answers{list: []string{""}}, Config{Alerts: alerts(t, "failures>2"), UntilAlert: true}, nil, 3, ""},
		"one not judged":  {good, Config{Alerts: alerts(t, "heap>1MB", "rss>1GB"), UntilAlert: true}, nil, 1, ""},
		"none judged":     {good, Config{Alerts: alerts(t, "rss>1GB"), Count: 2}, nil, 2, "could not be judged"},
		"never answered":  {http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), Config{Duration: 20 * time.Millisecond}, nil, 0, "no poll was answered before the run ended"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.cfg.Targets, tc.cfg.Interval = []*url.URL{target(t, tc.h)}, time.Millisecond
			res, err := Run(t.Context(), tc.cfg, newClient(t, client.Config{}), func(Event) error { return tc.on })
			if fmt := fmt.Sprint(err); tc.wantErr == "" && err != nil || !strings.Contains(fmt, tc.wantErr) {
				t.Errorf("error %v, want %q", err, tc.wantErr)
			}
			if res.Targets[0].Polls != tc.polls {
				t.Errorf("%d polls, want %d", res.Targets[0].Polls, tc.polls)
			}
		})
	}
}

// Waiting does not help where no name exists; a target that fails otherwise is polled on.
func TestRunEndsWithoutAnyHost(t *testing.T) {
	good := target(t, &answers{list: []string{`{"heapUsedMB": 50}`}})
	for name, tc := range map[string]struct {
		targets  []*url.URL
		interval time.Duration
		polls    int64 // of the first target
		err      string
	}{
		"no host":  {[]*url.URL{{Scheme: "http", Host: "help"}, {Scheme: "http", Host: "me"}}, time.Hour, 1, "no target has a name that can be resolved"},
		"one host": {[]*url.URL{good, {Scheme: "http", Host: "me"}}, time.Millisecond, 3, ""},
	} {
		c := newClient(t, client.Config{})
		var d net.Dialer
		c.HTTP().Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":80") {
				return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: address, IsNotFound: true}}
			}
			return d.DialContext(ctx, network, address)
		}}
		cfg := Config{Targets: tc.targets, Interval: tc.interval, Count: 3}
		res, err := Run(t.Context(), cfg, c, func(Event) error { return nil })
		if tc.err == "" && err != nil || !strings.Contains(fmt.Sprint(err), tc.err) || res.Targets[0].Polls != tc.polls {
			t.Errorf("%s: %d polls, error %v; want %d, %q", name, res.Targets[0].Polls, err, tc.polls, tc.err)
		}
	}
}

// The calls in flight are part of a result with Once: none is an empty list, not absent.
func TestRunOnce(t *testing.T) {
	u := target(t, &answers{list: []string{`{"toolCallStack": [{"id": "a", "name": "x", "durationMs": 5}, {"id": "b", "name": "y", "sessionId": "s", "durationMs": 40000}, {"id": "c", "name": "z", "parentId": "b"}], "handlerQueue": {"idle": 0, "x": 2, "y": 3}}`}})
	idle := target(t, &answers{list: []string{`{"toolCallStack": []}`}})
	on := func(Event) error { return nil }
	res, err := Run(t.Context(), Config{Targets: []*url.URL{u}, Interval: time.Millisecond, Count: 1, Once: true}, newClient(t, client.Config{}), on)
	want := []InFlight{
		{Target: u.String(), ID: "b", Tool: "y", SessionID: "s", AgeMs: new(40000.0), Stuck: true},
		{Target: u.String(), ID: "a", Tool: "x", AgeMs: new(5.0)}, {Target: u.String(), ID: "c", Tool: "z", ParentID: "b"},
	}
	if diff := cmp.Diff(want, res.Calls); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	var text strings.Builder
	if err := res.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	_, calls, _ := strings.Cut(text.String(), "SESSIONS\n")
	_, calls, _ = strings.Cut(calls, "\n")
	if diff := cmp.Diff(`waiting in the queue of y: 3
waiting in the queue of x: 2

Calls in flight
TOOL  AGE  STATE  SESSION  CALL  PARENT
y     40s  stuck  s        b     -
x     5ms  -      -        a     -
z       -  -      -        c     b
`, calls); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	res, err = Run(t.Context(), Config{Targets: []*url.URL{idle}, Interval: time.Millisecond, Count: 1, Once: true}, newClient(t, client.Config{}), on)
	if doc, _ := json.Marshal(res); err != nil || !strings.Contains(string(doc), `"calls":[]`) {
		t.Errorf("%s, %v", doc, err)
	}
}

// In virtual time: a server that answers late does not move the ticks.
func TestRunDoesNotDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 100 * time.Millisecond
		latency := []time.Duration{0, 30, 250, 5, 99}
		n := 0
		l := clienttest.NewMemory()
		srv := &http.Server{ReadHeaderTimeout: time.Hour, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(latency[n%len(latency)] * time.Millisecond)
			n++
			_, _ = io.WriteString(w, `{"heapUsedMB": 1}`)
		})}
		go srv.Serve(l)
		defer srv.Close()
		c := newClient(t, client.Config{})
		transport := &http.Transport{DialContext: l.Dial}
		c.HTTP().Transport = transport
		defer transport.CloseIdleConnections()
		start := time.Now()
		var ats []time.Duration
		var skipped []int64
		_, err := Run(t.Context(), Config{Targets: []*url.URL{{Scheme: "http", Host: "server"}}, Interval: interval, Count: 7}, c, func(e Event) error {
			ats = append(ats, e.Snapshot.Poll.At.Sub(start))
			skipped = append(skipped, e.Snapshot.Poll.Skipped)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]time.Duration{0, 100e6, 200e6, 500e6, 600e6, 700e6, 800e6}, ats); diff != "" {
			t.Errorf("times (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]int64{0, 0, 0, 2, 0, 0, 0}, skipped); diff != "" {
			t.Errorf("skipped (-want +got)\n%s", diff)
		}
	})
}

func TestParseAlert(t *testing.T) {
	s, err := snapshot.Decode([]byte(`{"heapUsedMB": 512, "rssMB": 1, "activeSessions": 5, "toolCallStack": [{"id": "a", "durationMs": 31000}],
		"handlerQueue": {"a>b": 3, "search": 20}, "oldestSessionAgeMs": 60000, "openStreams": 2}`))
	if err != nil {
		t.Fatal(err)
	}
	s.Poll = &snapshot.Poll{LatencyMs: 150}
	for text, tc := range map[string]struct {
		crossed bool
		value   string
	}{
		"heap>500MB": {true, "512.0 MB"}, "heap>512": {false, "512.0 MB"}, "heap >= 0.5GB": {true, "512.0 MB"}, "heap<600000kb": {true, "512.0 MB"},
		"rss<=1": {true, "1.0 MB"}, "sessions>4": {true, "5"}, "sessions>5": {false, "5"}, "calls>=1": {true, "1"},
		"oldest>30s": {true, "31s"}, "oldest>31": {false, "31s"}, "oldest>0.5m": {true, "31s"}, "session-age>59s": {true, "1m0s"},
		"queue>22": {true, "23"}, "queue.search>20": {false, "20"}, "queue.search>=20": {true, "20"}, "queue.a>b>2": {true, "3"}, "queue.none<1": {true, "0"},
		"streams>1": {true, "2"}, "latency>100ms": {true, "150ms"}, "failures>2": {true, "3"},
	} {
		a, err := ParseAlert(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		v, known := a.Value(s, 3)
		if !known || a.Holds(v) != tc.crossed || a.Format(v) != tc.value {
			t.Errorf("%s: %g is %q, crossed %t", text, v, a.Format(v), a.Holds(v))
		}
	}
	for _, text := range []string{"heap", "heat>5", "heap>many"} { // the grammar has its own tests
		if a, err := ParseAlert(text); err == nil {
			t.Errorf("%q is %+v", text, a)
		}
	}
	empty := &snapshot.Snapshot{Poll: &snapshot.Poll{}}
	for _, text := range []string{"heap<1", "rss<1", "sessions<1", "session-age<1", "streams<1", "queue.x<1"} {
		if v, known := alerts(t, text)[0].Value(empty, 0); known {
			t.Errorf("%s: %g of a snapshot that says nothing", text, v)
		}
	}
}
