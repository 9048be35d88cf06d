package gather

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// watchedIdle is how long an idle connection is watched: longer than balancers keep one,
// and not as long as the client itself does.
const watchedIdle = 75 * time.Second

// keptAlive uses a connection again on which nothing was sent since the handshake.
func (g *gatherer) keptAlive(ctx context.Context) {
	before := g.f.Probe("latency")
	if g.budgetUsed(2) || g.idle == nil || g.Quick || g.f.Kept != nil || len(before) < 2 || !before[1].Reused {
		return
	}
	idle := time.Since(g.idleSince)
	r := g.cheap("idle connection")
	r.client = g.idle
	if x, _ := g.send(ctx, r); x.Status != 0 {
		g.f.Kept = &facts.KeptAlive{IdleMs: ms(idle), Closed: !x.Reused}
	}
}

// watchIdle opens a connection, sends one request, and watches how long the server
// keeps it.
func (g *gatherer) watchIdle(ctx context.Context) {
	var watched *watchedConn
	c := g.Client.Fresh(func(conn net.Conn) net.Conn {
		watched = &watchedConn{Conn: conn, ended: make(chan struct{})}
		return watched
	})
	defer c.HTTP().CloseIdleConnections()
	r := g.cheap("connection to watch")
	r.client = c
	if x, _ := g.send(ctx, r); x.Status == 0 || watched == nil {
		return
	}
	begin := time.Now()
	g.f.Kept = &facts.KeptAlive{Watch: true}
	select {
	case <-watched.ended:
		g.f.Kept.Closed = true
	case <-time.After(min(watchedIdle, g.Idle)):
	case <-ctx.Done():
	}
	g.f.Kept.IdleMs = ms(time.Since(begin))
}

// watchedConn is a connection that says when reading from it ends.
type watchedConn struct {
	net.Conn

	once  sync.Once
	ended chan struct{}
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.end()
	}
	return n, err
}

// Close follows the end of TLS or of HTTP/2, which no read sees.
func (c *watchedConn) Close() error {
	c.end()
	return c.Conn.Close()
}

func (c *watchedConn) end() { c.once.Do(func() { close(c.ended) }) }
