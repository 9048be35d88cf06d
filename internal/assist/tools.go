package assist

import (
	"context"
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/metrics"
	"github.com/mcpdiag/mcpdiag/internal/doctor"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/poll"
)

// Default paths of addresses.
const (
	mcpPath      = client.MCPPath
	snapshotPath = "/debug/snapshot"
	metricsPath  = "/metrics"
)

// Deadlines of one exchange with a server.
const (
	exchangeTime = 10 * time.Second // for a call under load
	targetTime   = 15 * time.Second // doctor waits for initialize for longer than clients do
)

func (s *Server) addTools() {
	s.addServerTools()
	s.addFileTools()
	s.addProcessTools()
	if s.cfg.AllowLoad {
		s.addLoadTools()
	}
}

type doctorArgs struct {
	Target string   `json:"target" jsonschema:"address of the server, such as http://localhost:3100 (path /mcp unless it has one; a final slash alone is the root); only servers on this machine and those that the user allowed"`
	Only   []string `json:"only,omitempty" jsonschema:"run these checks only: ids, patterns such as network.t*, or the groups network, http, protocol, session, stream, auth, limits, tools, exposure, behaviour"`
	Quick  bool     `json:"quick,omitempty" jsonschema:"only the handshake and the listings"`
}

type snapshotArgs struct {
	Target string `json:"target" jsonschema:"address of the server, such as http://localhost:3100 (path /debug/snapshot unless it has one)"`
}

type metricsArgs struct {
	Target  string   `json:"target" jsonschema:"address of the server, such as http://localhost:3100 (path /metrics unless it has one)"`
	Seconds *float64 `json:"seconds,omitempty" jsonschema:"time between the two readings, 0 to 60; default 10; 0 reads once"`
}

// addServerTools adds the tools that ask a server.
func (s *Server) addServerTools() {
	add(s, spec{
		name: "doctor", title: "Examine a server", limit: 30 * time.Second,
		about: "Examine an MCP server over HTTP with at most 50 requests and say what is wrong with it, why, and what to do. Use it first when clients cannot connect, when tools are missing or when a login fails. It calls no tool of the server.",
	}, s.doctor)
	add(s, spec{
		name: "snapshot", title: "Calls in flight now", limit: 20 * time.Second,
		about: "Take one snapshot of a server that has /debug/snapshot, or of its mcpdiag proxy: calls in flight with their age (the oldest first), queue of each handler, sessions, memory, calls and errors per handler. Use it first for a server that is slow or hangs. The id in the result can be given to diff.",
	}, s.snapshot)
	add(s, spec{
		name: "metrics", title: "Judge /metrics", limit: 90 * time.Second,
		about: "Read the Prometheus page of a server twice and judge the difference: latency per endpoint, error rates, event-loop lag, garbage collection, open files.",
	}, s.metrics)
}

func (s *Server) doctor(ctx context.Context, j *job, in doctorArgs) (*doctor.Result, error) {
	if err := doctor.CheckPatterns(in.Only); err != nil {
		return nil, err
	}
	t, err := s.targets.open(ctx, in.Target, mcpPath)
	if err != nil {
		return nil, err
	}
	defer t.close()
	j.note(0, 0, "examining "+t.url.Host)
	facts := gather.Server(ctx, gather.Options{Target: t.url, Client: t.client, TLS: t.client.TLS(), Credentials: t.named && len(s.secrets) > 0, Quick: in.Quick})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return doctor.Judge(facts, doctor.Judgement{Only: in.Only, FailOn: finding.Fail, Short: true, FrontEnd: rules.Tools}), nil
}

func (s *Server) snapshot(ctx context.Context, _ *job, in snapshotArgs) (*Snapshot, error) {
	t, err := s.targets.open(ctx, in.Target, snapshotPath)
	if err != nil {
		return nil, err
	}
	defer t.close()
	return s.takeSnapshot(ctx, t)
}

func (s *Server) metrics(ctx context.Context, j *job, in metricsArgs) (*metrics.Result, error) {
	interval, err := seconds("seconds", in.Seconds, 10, 0, 60)
	if err != nil {
		return nil, err
	}
	t, err := s.targets.open(ctx, in.Target, metricsPath)
	if err != nil {
		return nil, err
	}
	defer t.close()
	j.note(0, 0, fmt.Sprintf("reading twice, %s apart", interval))
	return metrics.Run(ctx, t.client, metrics.Config{Target: t.url.String(), Interval: interval, Slow: time.Second})
}

// seconds returns an optional number of seconds as a duration within bounds.
func seconds(name string, given *float64, otherwise, least, most float64) (time.Duration, error) {
	n := otherwise
	if given != nil {
		n = *given
	}
	if n < least || n > most {
		return 0, fmt.Errorf("%s must be %g to %g", name, least, most)
	}
	return time.Duration(n * float64(time.Second)), nil
}

// Snapshot is the result of the tool snapshot: that of poll --once, and the document.
type Snapshot struct {
	ID string `json:"id"`
	*poll.Result
	Document *Document `json:"snapshot"`
}
