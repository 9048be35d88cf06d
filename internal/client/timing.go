package client

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// Timing holds the durations of the parts of an exchange. For a reused connection,
// DNS, Connect and TLS are 0.
type Timing struct {
	Start     time.Time
	DNS       time.Duration
	Connect   time.Duration
	TLS       time.Duration
	FirstByte time.Duration // from Start
	Reused    bool
}

// Stopwatch times one exchange, or several that follow each other: then the first
// one decides whether the connection was reused. Watch starts it. Lookups and
// connections that net/http attempts in parallel may report late.
type Stopwatch struct {
	mu                      sync.Mutex
	timing                  Timing
	conns                   int // that the exchanges were given
	dns, connect, handshake time.Time
}

// Watch returns a context whose exchange is timed.
func (s *Stopwatch) Watch(ctx context.Context) context.Context {
	s.timing.Start = time.Now()
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(info httptrace.GotConnInfo) { s.got(info.Reused) },
		DNSStart:             func(httptrace.DNSStartInfo) { s.note(func(*Timing) { s.dns = time.Now() }) },
		DNSDone:              func(httptrace.DNSDoneInfo) { s.note(func(t *Timing) { t.DNS = time.Since(s.dns) }) },
		ConnectStart:         func(string, string) { s.note(func(*Timing) { s.connect = time.Now() }) },
		ConnectDone:          func(string, string, error) { s.note(func(t *Timing) { t.Connect = time.Since(s.connect) }) },
		TLSHandshakeStart:    func() { s.note(func(*Timing) { s.handshake = time.Now() }) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { s.note(func(t *Timing) { t.TLS = time.Since(s.handshake) }) },
		GotFirstResponseByte: func() { s.note(func(t *Timing) { t.FirstByte = time.Since(t.Start) }) },
	})
}

func (s *Stopwatch) got(reused bool) {
	s.note(func(t *Timing) {
		t.Reused = reused && (s.conns == 0 || t.Reused)
		s.conns++
	})
}

func (s *Stopwatch) note(set func(*Timing)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set(&s.timing)
}

// Stop ends the exchange and returns its timing.
func (s *Stopwatch) Stop() Timing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timing.Reused { // a connection opened in parallel is not part of this exchange
		s.timing.DNS, s.timing.Connect, s.timing.TLS = 0, 0, 0
	}
	return s.timing
}

// progress notes the stage of an exchange.
type progress struct {
	stage atomic.Value
	conns atomic.Int64 // that the request was given
}

func (p *progress) now() Stage {
	if s, ok := p.stage.Load().(Stage); ok {
		return s
	}
	return StageConnect
}

func (p *progress) watch(ctx context.Context) context.Context {
	at := func(s Stage) { p.stage.Store(s) }
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { at(StageDNS) },
		ConnectStart:      func(string, string) { at(StageConnect) },
		TLSHandshakeStart: func() { at(StageTLS) },
		GotConn:           func(httptrace.GotConnInfo) { p.conns.Add(1); at(StageSend) },
		WroteRequest:      func(httptrace.WroteRequestInfo) { at(StageAnswer) },
	})
}
