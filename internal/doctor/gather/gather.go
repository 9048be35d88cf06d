package gather

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// Limits of Server.
const (
	MaxRequests     = 50
	DefaultDeadline = 10 * time.Second
	endTime         = time.Second // for ending a session after the deadline
	maxRetries      = 5

	shortTime = facts.Patience*time.Millisecond + 100*time.Millisecond // for an answer, after another did not come
)

// Options say which server is examined, and how.
type Options struct {
	Target      *url.URL
	Client      *client.Client // with the credentials of the user
	TLS         *tls.Config    // settings of the client
	Credentials bool
	Header      http.Header    // the credentials, as they are sent; only their form is judged
	ExpectAuth  bool           // the server must want a token
	Refresh     *facts.Refresh // a refresh token to try
	Call        *Call          // a tool to call
	Ready       time.Duration  // how long the server may take until it answers; not part of Deadline
	Deadline    time.Duration  // for everything; 0 means DefaultDeadline
	Quick       bool           // only the handshake and the listings
	Hold        time.Duration  // how long an event stream is watched; 0 means DefaultHold
	SlowTool    string         // a tool that takes seconds and may be called
	SlowArgs    string         // its arguments; made from its schema where empty
	Deep        bool           // idle streams, revisions, many sessions
	Idle        time.Duration  // how long an idle stream is held; 0 means DefaultIdle
	Burst       int            // cheap requests at the same time
	Also        []Dependency   // reached from here
}

// gatherer collects the facts of one server.
type gatherer struct {
	Options
	f          *facts.Facts
	anonymous  *client.Client // without credentials
	session    string         // id of the session in use
	ids        []string       // of all sessions that were opened; they are secrets
	sessionURL string         // where it was opened, if not at the target
	slow       *toolCall      // of the slow tool
	hung       bool           // a request had no answer in time: others wait no longer than a moment
	retries    int            // of requests on connections that the server closed meanwhile
	idle       *client.Client // has a connection on which nothing is sent until the end
	idleSince  time.Time
	started    time.Time
	until      time.Time // when everything is to be over
}

// Server examines a server over HTTP and returns the facts. It stops at the first
// answer that limits the rate, and ends each session that it opened.
func Server(ctx context.Context, o Options) *facts.Facts {
	if o.Deadline <= 0 {
		o.Deadline = DefaultDeadline
	}
	if o.Hold <= 0 {
		o.Hold = DefaultHold
	}
	if o.Idle <= 0 {
		o.Idle = DefaultIdle
	}
	g := &gatherer{Options: o, anonymous: o.Client.WithoutCredentials()}
	var waited time.Duration
	if o.Ready > 0 {
		waited = g.awaitReady(ctx)
	}
	g.started = time.Now()
	g.f = &facts.Facts{
		Schema: facts.FactsSchema, Target: client.RedactURL(o.Target), At: g.started.UTC(), Credentials: o.Credentials,
		Quick: o.Quick, Insecure: o.TLS.InsecureSkipVerify, ExpectAuth: o.ExpectAuth, Mistakes: mistakesIn(o.Header), SecretQuery: len(client.SecretsIn(o.Target)) > 0, Loopback: client.IsLoopback(o.Target.Hostname()),
		Waited: waited.Seconds(),
	}
	g.until = g.started.Add(o.Deadline)
	g.network(ctx)
	listener := g.listener()
	if g.reachable() {
		for _, step := range g.steps() {
			step(ctx)
		}
	}
	g.also(ctx)
	g.anonymous.HTTP().CloseIdleConnections()
	if g.idle != nil {
		g.idle.HTTP().CloseIdleConnections()
	}
	g.hideIDs()
	select {
	case g.f.Network.Listener = <-listener:
	case <-ctx.Done():
	}
	if g.f.Interrupted = ctx.Err() != nil; g.f.Interrupted {
		g.f.Stopped = "the run was interrupted"
	}
	g.f.Seconds = time.Since(g.started).Seconds()
	return g.f
}

// steps returns the groups of probes in their order. Each decides by the facts so
// far whether it has something to ask.
func (g *gatherer) steps() []func(context.Context) {
	steps := []func(context.Context){g.enter, g.listings, g.callOnce}
	if !g.Quick {
		for _, step := range []func(context.Context){g.sessions, g.protocol, g.negatives, g.stream, g.listen} {
			steps = append(steps, g.unlessLocked(step))
		}
		steps = append(steps, g.authorization, g.exposure)
	}
	return append(steps, g.behaviour, g.unlessLocked(g.keptAlive), g.leave)
}

// unlessLocked leaves a step out where all its requests would be answered with 401.
func (g *gatherer) unlessLocked(step func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		if !g.f.NeedsToken() {
			step(ctx)
		}
	}
}

// request is one request to send.
type request struct {
	probe     string
	verb      string // POST where empty
	url       string // that of the target where empty
	host      string // Host field, where it differs
	header    map[string]string
	body      string
	anonymous bool
	opens     bool           // it may open a session
	client    *client.Client // instead of the usual one
	timeout   time.Duration
	late      bool // it may last longer than everything else
	limit     int  // of the body
	call      *toolCall
}

// send sends a request and records it. It returns an empty Exchange without sending
// where the budget is used up or the server limited the rate.
func (g *gatherer) send(ctx context.Context, r request) (*facts.Exchange, []byte) {
	if g.f.Stopped != "" {
		return &facts.Exchange{}, nil
	}
	switch {
	case g.budgetUsed(0):
		g.f.Stopped = fmt.Sprintf("%d requests are the limit", g.most())
	case ctx.Err() != nil || time.Now().After(g.until):
		g.f.Stopped = g.timeUsed()
	}
	if g.f.Stopped != "" {
		return &facts.Exchange{}, nil
	}
	x, body := g.exchange(ctx, r)
	if x.Reused && x.Lacks() == facts.LackClosed && r.call == nil && g.retries < maxRetries && !g.budgetUsed(0) { // it may have been closed before the request
		g.retries++
		x.Probe += ", closed"
		r.client = g.Client.Fresh(nil)
		if r.anonymous {
			r.client = g.anonymous.Fresh(nil)
		}
		defer r.client.HTTP().CloseIdleConnections()
		x, body = g.exchange(ctx, r)
	}
	g.hung = g.hung || x.Method == http.MethodPost && x.Lacks() == facts.LackTime && r.probe != "discover" // older servers may ignore it
	g.noteLimit(x)
	return x, body
}

// noteLimit stops the examination where x limits the rate. The limit of a server that clients
// can start on says nothing about the subject of the request.
func (g *gatherer) noteLimit(x *facts.Exchange) {
	x.Busy = g.f.IsBusy(x)
	if !facts.IsLimited(x) || facts.URLOf(x.URL).Host != g.Target.Host || x.Status == http.StatusServiceUnavailable && !g.f.AtServer(x) {
		return
	}
	if g.f.Stopped = "the server limits the rate of requests"; g.f.Started() && x.Probe != facts.BurstProbe {
		x.Probe += ", limited"
	}
}

// timeUsed says why no further request is sent.
func (g *gatherer) timeUsed() string {
	return fmt.Sprintf("the time of %s was used up", g.Deadline)
}

// budgetUsed reports whether only the requests are left that end sessions, and so many
// others.
func (g *gatherer) budgetUsed(others int) bool {
	return len(g.f.Exchanges)+g.f.Beside >= g.most()-2-others
}

// exchange does one exchange, whatever the budget is.
func (g *gatherer) exchange(ctx context.Context, r request) (*facts.Exchange, []byte) {
	if r.timeout == 0 {
		r.timeout = facts.RequestTime
		if g.hung && r.call == nil {
			r.timeout = shortTime
		}
	}
	end := time.Now().Add(r.timeout)
	short := !r.late && end.After(g.until)
	if short {
		end = g.until
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	req, err := r.http(ctx, g.Target)
	if err != nil {
		return &facts.Exchange{}, nil
	}
	c := g.Client
	switch {
	case r.client != nil:
		c = r.client
	case r.anonymous:
		c = g.anonymous
	}
	begin := time.Now()
	rec := c.RecordUntil(ctx, req, r.limit, r.answered())
	took := time.Since(begin)
	if r.opens && g.session == "" {
		g.session, g.sessionURL = rec.Header.Get(facts.SessionHeader), r.url
	}
	if id := rec.Header.Get(facts.SessionHeader); len(id) >= 4 {
		g.ids = append(g.ids, id)
	}
	x := g.fact(r, rec, took)
	if rec.Err == nil && ctx.Err() != nil && x.IsStream() { // the end of the stream answers that of the connection
		x.Open = true
	}
	x.At = begin.UTC()
	if entry := g.f.Entry(); short && x.Status == 0 && ctx.Err() != nil && (entry.Result() || entry.Kind() == facts.KindAuth) {
		x.Cut, g.f.Stopped = true, g.timeUsed()
	}
	g.f.Exchanges = append(g.f.Exchanges, x)
	if r.opens {
		g.opened(ctx, r.url, rec.Header.Get(facts.SessionHeader))
	}
	return x, rec.Body
}

// http returns the request for net/http.
func (r request) http(ctx context.Context, target *url.URL) (*http.Request, error) {
	to, verb := r.url, r.verb
	if to == "" {
		to = target.String()
	}
	if verb == "" {
		verb = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, verb, to, bodyReader(r.body))
	if err != nil {
		return nil, err
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	if r.host != "" {
		req.Host = r.host
	}
	return req, nil
}
