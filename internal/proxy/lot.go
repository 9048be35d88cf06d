package proxy

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lot is a listener where connections wait that say nothing. net/http keeps
// two buffers and a grown stack for each, 18 kB, and a client may hold one per
// session: so it gives up a connection that is idle for lingers, which waits
// here, and comes from Accept again when there is more to read.
type lot struct {
	net.Listener
	idle  time.Duration // how long one may wait
	ready chan net.Conn
	fails chan error
	done  chan struct{}

	mu     sync.Mutex
	held   map[net.Conn]struct{} // what net/http knows nothing of
	closed bool
}

// lingers is how long net/http keeps a connection that is idle: a client that
// calls again soon needs it as it is.
const lingers = time.Second

func newLot(l net.Listener, idle time.Duration) *lot {
	p := &lot{Listener: l, idle: idle, ready: make(chan net.Conn), fails: make(chan error), done: make(chan struct{}), held: map[net.Conn]struct{}{}}
	go p.listen()
	return p
}

// listen accepts connections until the listener is closed.
func (l *lot) listen() {
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			l.hand(conn, nil)
			continue
		}
		select {
		case l.fails <- err:
		case <-l.done:
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// Accept implements net.Listener.
func (l *lot) Accept() (net.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case err := <-l.fails:
		return nil, err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// hand has conn accepted; ahead was read from it already.
func (l *lot) hand(conn net.Conn, ahead []byte) {
	select {
	case l.ready <- &lane{Conn: conn, lot: l, ahead: ahead}:
	case <-l.done:
		_ = conn.Close() // the proxy ends
	}
}

// park waits for conn to say something.
func (l *lot) park(conn net.Conn) {
	if l.hold(conn) {
		go l.wait(conn)
	}
}

func (l *lot) wait(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(l.idle)) // one that is closed shows in Read
	var b [1]byte
	n, _ := conn.Read(b[:])
	l.drop(conn)
	if n == 0 {
		_ = conn.Close() // the client did, or has been silent for long
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	l.hand(conn, b[:])
}

// hold notes a connection that is closed when the lot is. It is false, and the
// connection closed, where that has been.
func (l *lot) hold(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close() // the proxy ends
		return false
	}
	l.held[conn] = struct{}{}
	return true
}

func (l *lot) drop(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, conn)
}

// shut closes what net/http knows nothing of.
func (l *lot) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	close(l.done)
	for conn := range l.held {
		_ = conn.Close() // the proxy ends
	}
}

// lane is a connection as net/http has it, from one wait in the lot to the next.
type lane struct {
	net.Conn
	lot   *lot
	ahead []byte
	state atomic.Int32
}

// The states of a lane.
const (
	laneBusy   = iota
	laneIdle   // between two requests
	laneSilent // and nothing came until net/http gave it up
	laneParked
)

// Read implements net.Conn.
func (c *lane) Read(p []byte) (n int, err error) {
	if len(c.ahead) > 0 {
		n = copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	n, err = c.Conn.Read(p)
	switch {
	case n > 0:
		c.state.Store(laneBusy)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.state.CompareAndSwap(laneIdle, laneSilent)
	}
	return n, err
}

// Close implements net.Conn; a connection that net/http gives up since it is idle is parked.
func (c *lane) Close() error {
	switch {
	case c.state.CompareAndSwap(laneSilent, laneParked):
		c.lot.park(c.Conn)
		return nil
	case c.state.Load() == laneParked:
		return nil
	}
	return c.Conn.Close()
}

// noteIdle is the server's ConnState.
func noteIdle(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*lane); ok && state == http.StateIdle && len(c.ahead) == 0 {
		c.state.Store(laneIdle)
	}
}
