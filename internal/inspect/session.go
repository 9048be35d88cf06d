package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

const (
	maxMessage = 256 << 20 // bytes of a message; a chunk of a snapshot has 100 KB
	maxTargets = 1 << 20   // bytes of the list of targets
	endTimeout = 30 * time.Second
	answerTime = 30 * time.Second // of an answer that needs no work: V8 interrupts running JavaScript for it
)

// Session is a connection to an inspector. It does one call at a time.
type Session struct {
	address string
	conn    *websocket.Conn
	id      int
	limit   time.Duration // for an answer that comes at once
	event   func(method string, params json.RawMessage)
}

// Dial connects to the inspector at an address on the loopback interface, such as
// 127.0.0.1:9229. The inspector lets its clients run any code, so no other host is
// spoken to.
func Dial(ctx context.Context, address string) (*Session, error) {
	if err := loopback(address); err != nil {
		return nil, err
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // without a proxy
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	path, err := target(ctx, client, address)
	if err != nil {
		return nil, fmt.Errorf("asking the inspector at %s: %w", address, err)
	}
	conn, _, err := websocket.Dial(ctx, "ws://"+address+path, &websocket.DialOptions{HTTPClient: client}) //nolint:bodyclose // Dial closes it
	if err != nil {
		return nil, fmt.Errorf("connecting to the inspector at %s: %w", address, err)
	}
	conn.SetReadLimit(maxMessage)
	return &Session{address: address, conn: conn, limit: answerTime}, nil
}

// Address returns the address of the inspector.
func (s *Session) Address() string { return s.address }

// loopback refuses addresses of other hosts.
func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("inspector address %q: want host:port, such as 127.0.0.1:9229", address)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("inspector address %s: only an inspector on this machine is spoken to, such as 127.0.0.1:9229; forward the port of another one", address)
	}
	return nil
}

// target returns the path of the first target of an inspector.
func target(ctx context.Context, client *http.Client, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/json/list", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	data, err := report.ReadAtMost(resp.Body, maxTargets)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("no inspector answers there (status %d)", resp.StatusCode)
	}
	return targetPath(data)
}

// targetPath returns the path of the websocket of the first target in a list.
func targetPath(list []byte) (string, error) {
	var targets []struct {
		URL string `json:"webSocketDebuggerUrl"`
	}
	if err := json.Unmarshal(list, &targets); err != nil || len(targets) == 0 {
		return "", errors.New("no inspector answers there: its answer is not a list of targets")
	}
	u, err := url.Parse(targets[0].URL)
	if err != nil || u.Scheme != "ws" || !strings.HasPrefix(u.Path, "/") {
		return "", errors.New("its list of targets has no address of a websocket; is another debugger attached?")
	}
	return u.EscapedPath(), nil // of this address only, whatever host it names
}

// message is a message of the inspector: an answer or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// errBlocked means that the main thread gives no answer. V8 interrupts JavaScript for one, so
// it waits outside.
var errBlocked = errors.New("it does not answer: the process is stopped, or its main thread waits in a call outside JavaScript, such as execSync or a lock; its children may show for what")

// ask does a call that the process answers at once, unless its main thread is blocked.
func (s *Session) ask(ctx context.Context, method string, params, result any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, errBlocked)
	defer cancel()
	err := s.call(ctx, method, params, result)
	if err != nil && errors.Is(context.Cause(ctx), errBlocked) {
		return fmt.Errorf("asking the inspector at %s: %w", s.address, errBlocked)
	}
	return err
}

// call does one call. Events that arrive before its answer go to s.event.
func (s *Session) call(ctx context.Context, method string, params, result any) error {
	s.id++
	data, err := json.Marshal(struct {
		ID     int    `json:"id"`
		Method string `json:"method"`
		Params any    `json:"params,omitempty"`
	}{s.id, method, params})
	if err != nil {
		return err
	}
	if err := s.conn.Write(ctx, websocket.MessageText, data); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		m, err := s.receive(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", method, err)
		case m.ID == 0 && s.event != nil:
			s.event(m.Method, m.Params)
		case m.ID == s.id && m.Error != nil:
			return fmt.Errorf("%s: the inspector answers %s", method, report.Cell(m.Error.Message, maxText))
		case m.ID == s.id && result != nil:
			return json.Unmarshal(m.Result, result)
		case m.ID == s.id:
			return nil
		}
	}
}

const maxText = 200 // columns of an error of the inspector

func (s *Session) receive(ctx context.Context) (*message, error) {
	_, r, err := s.conn.Reader(ctx)
	if err != nil {
		return nil, err
	}
	var m message
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, r)
	return &m, err
}

// Close closes the connection. The inspector stays open.
func (s *Session) Close() error { return s.conn.CloseNow() }

// End closes the inspector's port and the connection. It does so on a new connection
// if this one broke, as it does when a context ends.
func (s *Session) End(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	s.event = nil
	err := s.end(ctx)
	if err != nil {
		var fresh *Session
		if fresh, err = Dial(ctx, s.address); err == nil {
			err = errors.Join(fresh.end(ctx), fresh.Close())
		}
	}
	_ = s.Close() // it may be closed already
	if err == nil {
		err = s.closed(ctx)
	}
	if err != nil {
		return fmt.Errorf("the inspector at %s is still open: %w", s.address, err)
	}
	return nil
}

// closed waits until the port is closed: the process closes it when it is next idle.
func (s *Session) closed(ctx context.Context) error {
	ticker := time.NewTicker(openInterval)
	defer ticker.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
		if err != nil && ctx.Err() == nil {
			return nil // nothing listens there
		}
		if err == nil {
			_ = conn.Close() // only to see whether it can be opened
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// end lets the process close its inspector after it has answered.
func (s *Session) end(ctx context.Context) error {
	return s.evaluate(ctx, "setImmediate(() => process._debugEnd())", nil)
}
