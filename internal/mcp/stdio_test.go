package mcp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// duplex is the two pipes to a server.
type duplex struct {
	io.Reader
	*os.File
	reading *os.File
}

func (d *duplex) Read(p []byte) (int, error) { return d.Reader.Read(p) }

func (d *duplex) Close() error { return errors.Join(d.File.Close(), d.reading.Close()) }

// pipes returns our ends of two pipes, and those of a server.
func pipes(t testing.TB) (ours *duplex, in, out *os.File) {
	t.Helper()
	in, ourIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourOut, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _, _, _ = in.Close(), ourIn.Close(), ourOut.Close(), out.Close() })
	return &duplex{ourOut, ourIn, ourOut}, in, out
}

// undated is a stream without deadlines.
type undated struct{ io.ReadWriteCloser }

// timeUp is a context whose time is up once passed is closed.
type timeUp struct {
	context.Context
	passed chan struct{}
}

func (c timeUp) Done() <-chan struct{} { return c.passed }

func (c timeUp) Err() error {
	select {
	case <-c.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestServerThatDoesNotRead: a call ends in time also where the server does not take its
// message, the next ones do not wait for it, and a message of which a part was taken ends
// the link.
func TestServerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	for name, dated := range map[string]bool{"deadlines": true, "no deadlines": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, in, _ := pipes(t)
			stream := io.ReadWriteCloser(ours)
			if !dated {
				stream = undated{ours}
			}
			ep := Endpoint{Start: func(context.Context) (io.ReadWriteCloser, error) { return stream, nil }}
			s, err := Open(t.Context(), ep, Era{Version: Modern})
			if err != nil {
				t.Fatal(err)
			}
			large := jsontext.Value(`{"text":"` + strings.Repeat("x", 1<<20) + `"}`)
			ctx := timeUp{t.Context(), make(chan struct{})}
			go func() {
				_, _ = in.Read(make([]byte, 1)) // a part was taken
				close(ctx.passed)
			}()
			_, err = s.Call(ctx, anyTool, large)
			if !client.IsTimeout(err) || !strings.Contains(err.Error(), "no answer to tools/call in time; the server does not read its standard input") {
				t.Errorf("error %v", err)
			}
			if s.Alive() {
				t.Fatal("the session goes on after a half-written message")
			}
			if _, err = s.Call(t.Context(), anyTool, jsontext.Value(`{}`)); err == nil || !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

// TestServerThatReadsLate: a message of which nothing was taken in time does not end the
// link, nor does one that waits for it.
func TestServerThatReadsLate(t *testing.T) {
	t.Parallel()
	ours, in, out := pipes(t)
	ep := Endpoint{Start: func(context.Context) (io.ReadWriteCloser, error) { return ours, nil }}
	s, err := Open(t.Context(), ep, Era{Version: Modern})
	if err != nil {
		t.Fatal(err)
	}
	_ = ours.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	full, _ := ours.Write(make([]byte, 1<<20)) // until no more fits
	_ = ours.SetWriteDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error, 2)
	for range cap(done) {
		go func() {
			_, err := s.Call(ctx, anyTool, jsontext.Value(`{}`))
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; !client.IsTimeout(err) {
			t.Errorf("error %v", err)
		}
	}
	go func() {
		_, _ = io.CopyN(io.Discard, in, int64(full))
		serveLines(in, out)
	}()
	if res, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`)); err != nil || res.Text != "done" {
		t.Errorf("after the server reads: %+v, %v", res, err)
	}
}

// serveLines answers requests over standard streams.
func serveLines(in io.Reader, out io.Writer) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if m, _, err := parseMessage(lines.Bytes()); err == nil {
			fmt.Fprintln(out, stdioResult(m))
		}
	}
}

// BenchmarkStdio calls a server over standard streams, each call with a timeout.
func BenchmarkStdio(b *testing.B) {
	for name, dated := range map[string]bool{"deadlines=true": true, "deadlines=false": false} {
		b.Run(name, func(b *testing.B) {
			ours, in, out := pipes(b)
			go serveLines(in, out)
			stream := io.ReadWriteCloser(ours)
			if !dated {
				stream = undated{ours}
			}
			ep := Endpoint{Start: func(context.Context) (io.ReadWriteCloser, error) { return stream, nil }}
			s, err := Open(b.Context(), ep, Era{Version: Legacy})
			if err != nil {
				b.Fatal(err)
			}
			request := CallTool(&anyTool, jsontext.Value(`{}`))
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := client.Within(b.Context(), time.Minute)
				if _, err := s.Do(ctx, request); err != nil {
					b.Fatal(err)
				}
				cancel()
			}
		})
	}
}
