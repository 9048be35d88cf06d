package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// settlesAfter is how long the answer to a call must be quiet to settle. What a
// GET asks for is a stream that stays: it settles at once.
const settlesAfter = time.Second

// errSettles says that an answer is a stream that has become quiet.
var errSettles = errors.New("the stream settles")

// settled is an event stream that has been quiet: it is taken out of net/http,
// whose part of it is 25 kB, and goes on with two small goroutines. When it has
// ended the connection waits for the next request, as it would have.
type settled struct {
	*passage
	body    *wireBody
	client  net.Conn
	lot     *lot   // or nil
	ahead   []byte // of the next request
	gone    atomic.Bool
	watched chan struct{}
}

// maySettle reports whether an answer could go on without net/http.
func maySettle(w http.ResponseWriter, r *http.Request, resp *http.Response) (*wireBody, bool) {
	body, mine := resp.Body.(*wireBody)
	_, can := w.(http.Hijacker)
	return body, mine && can && resp.ContentLength < 0 && r.ProtoAtLeast(1, 1) && !r.Close && r.Method != http.MethodHead
}

// settle takes a stream out of net/http.
func settle(w http.ResponseWriter, p *passage) error {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	body, _ := p.resp.Body.(*wireBody)
	s := &settled{passage: p, body: body, client: conn, watched: make(chan struct{})}
	s.gone.Store(!body.detach())
	ahead, _ := buffered.Peek(buffered.Reader.Buffered())
	s.ahead = append(s.ahead, ahead...)
	p.resp.Header, p.x.ask = nil, nil
	if lane, ok := conn.(*lane); ok {
		s.client, s.lot = lane.Conn, lane.lot
		s.ahead = append(s.ahead, lane.ahead...)
		if !s.lot.hold(s.client) {
			s.gone.Store(true)
		}
	}
	go s.run()
	return nil
}

// run passes the stream on until it ends, or its client does.
func (s *settled) run() {
	go s.watch()
	err := s.copy()
	how := outcomeLost
	switch {
	case err == nil:
		how = outcomeOK
	case s.gone.Load():
		how = outcomeCancelled
	}
	s.close(how)
	if err == nil {
		err = s.writeEnd()
	}
	_ = s.client.SetReadDeadline(time.Unix(1, 0)) // or the watch goes on
	if err != nil {
		_ = s.client.Close() // it must see that the answer is cut off
	}
	<-s.watched
	s.leave(err == nil && !s.gone.Load())
}

// leave gives the client's connection back for the next request.
func (s *settled) leave(well bool) {
	if s.lot == nil || !well {
		_ = s.client.Close() // it may be already
	}
	if s.lot == nil {
		return
	}
	s.lot.drop(s.client)
	switch {
	case !well:
	case s.client.SetReadDeadline(time.Time{}) != nil:
		_ = s.client.Close() // it is
	case len(s.ahead) > 0:
		s.lot.hand(s.client, s.ahead)
	default:
		s.lot.park(s.client)
	}
}

// watch waits until the client goes away, which ends the exchange with the
// server, or until it sends the next request.
func (s *settled) watch() {
	defer close(s.watched)
	if s.gone.Load() {
		_ = s.body.wire.Close()
		return
	}
	var b [1]byte
	n, err := s.client.Read(b[:])
	s.ahead = append(s.ahead, b[:n]...)
	if ne, ok := err.(net.Error); err != nil && (!ok || !ne.Timeout()) { //nolint:errorlint // net returns it bare
		s.gone.Store(true)
		_ = s.body.wire.Close()
	}
}

// chunkRoom is for what stands before a chunk: its length, at most, and a line end.
const chunkRoom = 8

// copy passes on what comes, in chunks. While nothing does it holds no buffer.
func (s *settled) copy() error {
	filled := false
	for {
		s.body.wait()
		more, err := s.piece(filled)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		filled = more
	}
}

// piece passes on one piece; more says that it filled its buffer.
func (s *settled) piece(large bool) (more bool, err error) {
	b := buffer{filled: large}
	defer b.free()
	room := b.next(-1)
	data := room[chunkRoom : len(room)-2]
	n, end := s.body.Read(data)
	if n == 0 {
		return false, end
	}
	s.x.received(data[:n])                                            // before the client can see it and go on
	head := append(strconv.AppendUint(nil, uint64(n), 16), "\r\n"...) //nolint:gosec // it is a length
	copy(room[chunkRoom-len(head):], head)
	room = append(room[:chunkRoom+n], "\r\n"...)
	if _, err := s.client.Write(room[chunkRoom-len(head):]); err != nil {
		return false, err
	}
	return n == len(data), end
}

// writeEnd writes the chunk that ends the answer, and its trailer.
func (s *settled) writeEnd() error {
	end := []byte("0\r\n")
	for name, values := range s.resp.Trailer {
		for _, v := range values {
			end = append(end, name+": "+v+"\r\n"...)
		}
	}
	_, err := s.client.Write(append(end, "\r\n"...))
	return err
}
