package assist

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// Limits on standard streams.
const (
	maxMessage = 4 << 20         // bytes of a message
	lastAnswer = 5 * time.Second // for answers after the end of the input
)

var errMessage = errors.New("a message is larger than 4 MB")

// streams count the requests that wait for an answer: the SDK stops at the end of its
// input, so the end is held back until all requests have been answered.
type streams struct {
	in      io.Reader
	out     io.Writer
	line    []byte // the begun message
	pending atomic.Int64
}

// Read implements io.Reader.
func (s *streams) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	rest := p[:n]
	for {
		line, more, whole := bytes.Cut(rest, []byte("\n"))
		s.line = append(s.line, line...)
		if len(s.line) > maxMessage {
			return 0, errMessage
		}
		if !whole {
			break
		}
		s.count(s.line, 1)
		s.line, rest = s.line[:0], more
	}
	if errors.Is(err, io.EOF) {
		s.count(s.line, 1)
		s.line = s.line[:0]
		for deadline := time.Now().Add(lastAnswer); s.pending.Load() > 0 && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	return n, err
}

// Write implements io.Writer. The SDK writes one message at a time.
func (s *streams) Write(p []byte) (int, error) {
	n, err := s.out.Write(p)
	s.count(p, -1)
	return n, err
}

// Close implements io.Closer. The streams belong to the caller.
func (*streams) Close() error { return nil }

// count counts a request that came, or an answer that went.
func (s *streams) count(message []byte, by int64) {
	decoded, err := jsonrpc.DecodeMessage(bytes.TrimSpace(message))
	if err != nil {
		return
	}
	switch m := decoded.(type) {
	case *jsonrpc.Request:
		if by > 0 && m.IsCall() {
			s.pending.Add(by)
		}
	case *jsonrpc.Response:
		if by < 0 {
			s.pending.Add(by)
		}
	}
}
