package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// timed is a server whose faults take minutes to see.
type timed struct {
	m        middleware
	idle     time.Duration // of connections; 0 is for ever
	deep     bool
	deadline time.Duration     // 0 is the usual one
	want     map[string]string // severity and the beginning of the summary, by check
	sick     string            // the only root cause
}

func timedServers() map[string]timed {
	announce := func(seconds string) middleware {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("Keep-Alive", "timeout="+seconds)
			next.ServeHTTP(w, r)
		}
	}
	return map[string]timed{
		"healthy": {deep: true, want: map[string]string{
			"http.coldstart": "pass 0.0 s", "stream.idle": "pass an idle stream stays open for 130 s, without heartbeats",
			"http.keepalive": "info a connection stays open for 75.0 s without a request",
		}},
		"heartbeats": {m: beats(20 * time.Second), deep: true, want: map[string]string{"stream.idle": "pass an idle stream stays open for 130 s, with 6 heartbeats"}},
		"a hop that cuts idle streams after a minute": {m: cut(time.Minute), deep: true, want: map[string]string{"stream.idle": "warn an idle event stream is closed after 60 s"}},
		"a cold start":                        {m: delayed(11 * time.Second), sick: "http.coldstart", want: map[string]string{"http.coldstart": "fail the first initialize takes 11 s"}},
		"a start that is warm":                {m: delayed(6 * time.Second), want: map[string]string{"http.coldstart": "warn the first initialize takes 6 s"}},
		"a start that is slow each time":      {m: slowStarts(6 * time.Second), want: map[string]string{"http.coldstart": "warn the first initialize takes 6 s", "protocol.versions": "pass"}},
		"no answer to initialize":             {m: delayed(time.Minute), sick: "http.coldstart", want: map[string]string{"http.coldstart": "fail initialize has no answer after 12 s"}},
		"no answer to tools/list":             {m: when("tools/list", hanging), sick: "tools.list", want: map[string]string{"tools.list": "fail tools/list has no answer within 5 s", "protocol.caps": "skip"}},
		"no answer to ping":                   {m: when("ping", hanging), sick: "http.latency", want: map[string]string{"http.latency": "fail ping has no answer within 5 s"}},
		"no answer after the handshake":       {m: afterHandshake(hanging), sick: "tools.list", want: map[string]string{"tools.list": "fail tools/list has no answer within 2 s"}},
		"no answer to an unknown method":      {m: when("mcpdiag/unknown", hanging), sick: "protocol.errors", want: map[string]string{"protocol.errors": "fail an unknown method has no answer within 2 s"}},
		"no answer to newer clients":          {m: when("server/discover", hanging), want: map[string]string{"protocol.era": "warn server/discover has no answer within 5 s"}},
		"an answer that stalls":               {m: when("tools/list", stalled), sick: "tools.list", want: map[string]string{"tools.list": "fail tools/list has half an answer: only 17 of 5,000 bytes within 5 s"}},
		"idle connections for 5 s":            {idle: 5 * time.Second, deep: true, want: map[string]string{"http.keepalive": "info an idle connection is closed after 5.0 s"}},
		"idle connections for 0.1 s":          {idle: 100 * time.Millisecond, want: map[string]string{"http.keepalive": "info an idle connection is closed within"}},
		"5 s, behind a proxy":                 {m: server("nginx"), idle: 5 * time.Second, deep: true, want: map[string]string{"http.keepalive": "warn idle connections are closed after 5 s, and there is a proxy (Nginx)"}},
		"72 s are announced, 5 s hold":        {m: announce("72"), idle: 5 * time.Second, deep: true, want: map[string]string{"http.keepalive": "warn the server closes an idle connection after 5.0 s, though it announces 72 s"}},
		"5 s are announced, and hold":         {m: announce("5"), idle: 5 * time.Second, deep: true, want: map[string]string{"http.keepalive": "info an idle connection is closed after 5.0 s"}},
		"72 s are announced, none was closed": {m: announce("72"), want: map[string]string{"http.keepalive": "info idle connections are kept for 72 s"}},
	}
}

// server names a hop in each answer.
func server(name string) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Server", name)
		next.ServeHTTP(w, r)
	}
}

// delayed lets the first initialize wait.
func delayed(wait time.Duration) middleware {
	first := true
	return when("initialize", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if first {
			first = false
			select {
			case <-time.After(wait):
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// slowStarts lets each initialize wait.
func slowStarts(wait time.Duration) middleware {
	return when("initialize", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		time.Sleep(wait)
		if r.Context().Err() == nil {
			next.ServeHTTP(w, r)
		}
	})
}

// cut ends event streams after a while.
func cut(after time.Duration) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		cutStreams(after)(next).ServeHTTP(w, r)
	}
}

// beats sends a comment on event streams again and again.
func beats(every time.Duration) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet || r.URL.Path != "/mcp" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(every):
				_, _ = w.Write([]byte(": beat\n\n"))
			case <-r.Context().Done():
			}
		}
	}
}

// listeningPort opens a port for the probes of the network, which are real.
func listeningPort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// TestOwnTimes wants that a request that was given up early names that time, not --timeout.
func TestOwnTimes(t *testing.T) {
	t.Parallel()
	address := listeningPort(t)
	synctest.Test(t, func(t *testing.T) {
		f := examineInMemory(t, address, timed{m: oneByOne()})
		for probe, want := range map[string]string{facts.Beside: "no answer within 656ms", facts.BesideAgain: "no answer within 1.97s"} {
			if text := f.First(probe).Failed; !strings.HasPrefix(text, want) {
				t.Errorf("%s: %q, want %s", probe, text, want)
			}
		}
	})
}

// TestSlowStart waits a little longer for initialize, and has time left for the rest.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	address := listeningPort(t)
	synctest.Test(t, func(t *testing.T) {
		f := examineInMemory(t, address, timed{m: delayed(2100 * time.Millisecond), deadline: 2 * time.Second})
		if !f.SpeaksLegacy() || f.Seconds > 3.5 || !f.First("prompts/list").WasSent() || f.Ended != f.Sessions {
			t.Errorf("%.1f s, %s, %+v", f.Seconds, f.Stopped, f.First("initialize"))
		}
	})
}

// TestTime looks at servers for as long as users do, in virtual time.
func TestTime(t *testing.T) {
	t.Parallel()
	address := listeningPort(t)
	for name, tc := range timedServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := Judge(examineInMemory(t, address, tc), Judgement{})
				for id, want := range tc.want {
					i := slices.IndexFunc(r.Checks, func(c rules.Check) bool { return c.ID == id })
					if got := string(r.Checks[i].Severity) + " " + r.Checks[i].Summary; !strings.HasPrefix(got, want) {
						t.Errorf("%s: %q, want %q", id, got, want)
					}
				}
				if tc.sick == "" && r.Summary[string(finding.Fail)] > 0 || tc.sick != "" && !slices.Equal(r.RootCauses, []string{tc.sick}) {
					t.Errorf("root causes %q, want %q\n%s", r.RootCauses, tc.sick, shown(r))
				}
			})
		})
	}
}

// examineInMemory examines a server on which virtual time passes. Something listens
// at address for real.
func examineInMemory(t *testing.T, address string, tc timed) *facts.Facts {
	t.Helper()
	l := clienttest.NewMemory()
	srv := &http.Server{IdleTimeout: tc.idle, ReadHeaderTimeout: time.Hour, Handler: through(tc.m, demo.New(demo.Config{SessionTimeout: time.Hour}).Handler())}
	go func() { _ = srv.Serve(l) }()
	u := &url.URL{Scheme: "http", Host: address, Path: "/mcp"}
	c, err := client.New(client.Config{Dial: l.Dial, Timeout: gather.DeepDeadline, Origins: []*url.URL{u}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.HTTP().CloseIdleConnections()
		_ = srv.Close()
		time.Sleep(2 * time.Hour) // for the sessions
	})
	deadline := tc.deadline
	if tc.deep {
		deadline = gather.DeepDeadline
	}
	return gather.Server(context.Background(), gather.Options{Target: u, Client: c, TLS: &tls.Config{MinVersion: tls.VersionTLS12}, Deadline: deadline, Deep: tc.deep})
}

// TestSlowEverywhere finds no failure of a server that answers all requests late, as on a
// busy machine: neither where the time of doctor ends during a probe, nor where it is long.
func TestSlowEverywhere(t *testing.T) {
	t.Parallel()
	address := listeningPort(t)
	// The server ends sessions at once, and no multiple of these times is one of doctor's: a
	// session that nobody ends stays in the bubble.
	for late := 433 * time.Millisecond; late <= 2500*time.Millisecond; late += 311 * time.Millisecond {
		for _, deep := range []bool{false, true} {
			t.Run(fmt.Sprint(late, deep), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := Judge(examineInMemory(t, address, timed{deep: deep, m: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
						if r.Method != http.MethodDelete {
							time.Sleep(late)
						}
						if r.Context().Err() == nil {
							next.ServeHTTP(w, r)
						}
					}}), Judgement{})
					if r.Summary[string(finding.Fail)] > 0 {
						t.Errorf("root causes %q\n%s", r.RootCauses, shown(r))
					}
				})
			})
		}
	}
}
