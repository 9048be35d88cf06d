package input

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/logline"
)

// Sizes in bytes.
const (
	blockSize = 256 << 10
	maxLine   = 1 << 20
	keptHead  = 64 << 10 // of a longer line
	keptTail  = 4 << 10
)

// block is a run of whole lines and their records.
type block struct {
	data   []byte
	offset int64 // of data in the decoded stream
	cut    int64 // bytes of its only line that were left out
	lines  []line
	done   chan struct{}
}

type line struct {
	start, end int
	record     logline.Record
}

// cutter reads blocks that end at a newline.
type cutter struct {
	r      io.Reader
	size   int
	eager  bool   // yield whole lines as soon as they are there
	rest   []byte // the begun line behind the last newline
	offset int64
	free   chan *block // blocks to use again; a sync.Pool would lose them to the collector
}

func (c *cutter) newBlock() *block {
	var b *block
	select {
	case b = <-c.free:
	default:
		b = &block{data: make([]byte, 0, c.size)}
	}
	b.data, b.lines, b.cut, b.done = b.data[:0], b.lines[:0], 0, make(chan struct{})
	return b
}

// next returns the next block; at the end of the stream the error is io.EOF, and
// the block holds the last bytes.
func (c *cutter) next() (*block, error) {
	b := c.newBlock()
	b.offset = c.offset
	b.data = append(b.data, c.rest...)
	c.rest = c.rest[:0]
	for {
		n, err := c.r.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		full := len(b.data) == cap(b.data)
		lines := c.eager && bytes.IndexByte(b.data[len(b.data)-n:], '\n') >= 0
		if err == nil && !full && !lines {
			if n == 0 && c.eager {
				return c.keepRest(b), nil // idle
			}
			continue
		}
		if err != nil {
			c.offset += int64(len(b.data))
			return b, err
		}
		end := bytes.LastIndexByte(b.data, '\n')
		if end < 0 && full && len(b.data) < maxLine {
			b.data = slices.Grow(b.data, len(b.data))
			continue
		}
		if end >= 0 {
			c.rest = append(c.rest, b.data[end+1:]...)
			b.data = b.data[:end+1]
			c.offset += int64(len(b.data))
			return b, nil
		}
		return b, c.skipLong(b)
	}
}

// keepRest returns b without its begun line, which stays for the next block.
func (c *cutter) keepRest(b *block) *block {
	c.rest = append(c.rest, b.data...)
	b.data = b.data[:0]
	return b
}

// skipLong reduces a line that is longer than a block to its head and its tail.
func (c *cutter) skipLong(b *block) error {
	length := int64(len(b.data))
	tail := append([]byte(nil), b.data[len(b.data)-keptTail:]...)
	b.data = b.data[:keptHead]
	buf := make([]byte, 64<<10)
	for {
		n, err := c.r.Read(buf)
		piece := buf[:n]
		end := bytes.IndexByte(piece, '\n')
		if end >= 0 {
			piece = piece[:end]
			c.rest = append(c.rest, buf[end+1:n]...)
		}
		length += int64(len(piece))
		tail = append(tail, piece...)
		tail = append(tail[:0], tail[max(0, len(tail)-keptTail):]...)
		if end >= 0 || err != nil {
			b.cut = length - keptHead - keptTail
			b.data = append(append(b.data, tail...), '\n')
			c.offset += length + 1
			return err
		}
	}
}

// parse splits b into lines and parses them.
func (b *block) parse(p *logline.Parser) {
	defer close(b.done)
	for start := 0; start < len(b.data); {
		end := bytes.IndexByte(b.data[start:], '\n')
		next := start + end + 1
		if end += start; end < start {
			end, next = len(b.data), len(b.data)
		}
		for start < end && (b.data[start] == 0 || b.data[start] == 0x1e) { // a hole that a rotation by copytruncate leaves, JSON text sequences
			start++
		}
		if bytes.HasPrefix(b.data[start:end], []byte("\ufeff")) { // of a file behind another
			start += len("\ufeff")
		}
		if text := b.data[start:end]; len(bytes.TrimSpace(text)) > 0 {
			if len(b.lines) < cap(b.lines) {
				b.lines = b.lines[:len(b.lines)+1]
			} else {
				b.lines = append(b.lines, line{})
			}
			l := &b.lines[len(b.lines)-1]
			l.start, l.end = start, end
			p.Parse(text, &l.record)
		}
		start = next
	}
	if b.cut > 0 && len(b.lines) == 1 {
		logline.CompleteCut(b.data[keptHead:], &b.lines[0].record)
	}
}

// blocks reads, parses on several goroutines, and yields the blocks in order.
func blocks(ctx context.Context, r io.Reader, o Options, eager bool, yield func(*block) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &cutter{r: r, size: o.blockSize(), eager: eager}
	workers := o.workers()
	c.free = make(chan *block, 2*workers+2)
	jobs, ordered := make(chan *block, workers), make(chan *block, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			p := logline.NewParser(o.Keys)
			for b := range jobs {
				b.parse(p)
			}
		})
	}
	var readErr error
	group.Go(func() {
		defer close(ordered)
		defer close(jobs)
		readErr = c.feed(ctx, jobs, ordered)
	})
	var err error
	for b := range ordered {
		<-b.done
		if err == nil {
			if err = yield(b); err != nil {
				cancel()
			}
		}
		select {
		case c.free <- b:
		default:
		}
	}
	group.Wait()
	if err == nil {
		err = readErr
	}
	return err
}

// feed hands each block to the parsers and to the consumer.
func (c *cutter) feed(ctx context.Context, jobs, ordered chan<- *block) error {
	for {
		b, err := c.next()
		select {
		case jobs <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case ordered <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
