package mcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// lineWriter writes lines one after the other. It is safe for concurrent use.
type lineWriter struct {
	pipe   io.Writer
	dated  dated         // pipe, nil if it has no deadlines
	turn   chan struct{} // holds one while a line is written
	broken error         // after a part of a line
}

type dated interface{ SetWriteDeadline(t time.Time) error }

func newLineWriter(pipe io.Writer) *lineWriter {
	w := &lineWriter{pipe: pipe, turn: make(chan struct{}, 1)}
	if d, ok := pipe.(dated); ok && d.SetWriteDeadline(time.Time{}) == nil {
		w.dated = d
	}
	return w
}

// stalledError says that a line was not written in time, or not completely before.
type stalledError struct {
	taken, size int // bytes
	err         error
}

func (e *stalledError) Error() string {
	text := "the server does not read its standard input"
	if e.taken > 0 {
		text += fmt.Sprintf(": it took a part of a message of %d bytes, which ends the session", e.size)
	}
	return text
}

func (e *stalledError) Unwrap() error { return e.err }

// write writes body and the end of its line. If ctx ends before, the error is a
// *stalledError, and where a part was written, no other line can follow.
func (w *lineWriter) write(ctx context.Context, body []byte) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return &stalledError{err: ctx.Err()}
	}
	defer func() { <-w.turn }()
	if w.broken != nil {
		return w.broken
	}
	body = append(body, '\n')
	n, err := w.put(ctx, body)
	if err == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	if n > 0 {
		w.broken = &stalledError{n, len(body), io.ErrClosedPipe}
	}
	return &stalledError{n, len(body), err}
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// put writes a line until ctx ends, and returns the error of ctx then.
func (w *lineWriter) put(ctx context.Context, line []byte) (int, error) {
	if w.dated == nil {
		return w.putAside(ctx, line)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = w.dated.SetWriteDeadline(past)
	})
	n, err := w.pipe.Write(line)
	if !stop() {
		<-ended
		_ = w.dated.SetWriteDeadline(time.Time{})
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = ctx.Err()
	}
	return n, err
}

// putAside writes a line to a pipe without deadlines. A line that takes longer than ctx
// counts as written in part.
func (w *lineWriter) putAside(ctx context.Context, line []byte) (int, error) {
	done := make(chan error, 1)
	go func() {
		_, err := w.pipe.Write(line)
		done <- err
	}()
	select {
	case err := <-done:
		return len(line), err
	case <-ctx.Done():
		return 1, ctx.Err()
	}
}
