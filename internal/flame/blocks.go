package flame

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"
)

const (
	shards    = 2        // they take the blocks in turn, so that each run does what the one before did
	blockSize = 1 << 20  // bytes of whole lines that a shard takes at a time
	maxLine   = 16 << 20 // bytes of the longest line
)

// A block is whole lines of an input, the first of which has the number line.
type block struct {
	data []byte
	line int
}

// readBlocks reads folded stacks, in shards that work side by side.
func readBlocks(r io.Reader) (*lines, error) {
	var shard [shards]*lines
	var in [shards]chan block
	var work sync.WaitGroup
	free := make(chan []byte, 2*shards+1)
	for i := range shard {
		shard[i], in[i] = &lines{builder: newBuilder()}, make(chan block, 1)
		work.Go(func() {
			for block := range in[i] {
				shard[i].read(block.data, block.line)
				free <- block.data
			}
			shard[i].builder = shard[i].sorted()
		})
	}
	cut := cutter{r: r, free: free, line: 1}
	err := cut.all(func(n int, block block) {
		if n < shards {
			shard[n].columns = cut.columns
		}
		in[n%shards] <- block
	})
	for _, c := range in {
		close(c)
	}
	work.Wait()
	return gather(shard[:]), err
}

// gather merges the shards and what they found.
func gather(shard []*lines) *lines {
	found := &lines{builder: shard[0].builder, columns: shard[0].columns}
	for i, s := range shard {
		found.good += s.good
		found.bad += s.bad
		found.fraction = found.fraction || s.fraction
		found.faults = append(found.faults, s.faults...)
		if i > 0 {
			found.builder = merged(found.builder, s.builder)
		}
		s.builder = nil
	}
	sort.Slice(found.faults, func(i, j int) bool { return found.faults[i].line < found.faults[j].line })
	found.faults = found.faults[:min(len(found.faults), maxNamed)]
	return found
}

// cutter cuts an input into blocks.
type cutter struct {
	r       io.Reader
	free    chan []byte
	bought  int
	columns int // weights on each line, by the first block
	line    int
	rest    []byte // of a line whose end is in the next block
}

func (c *cutter) all(yield func(n int, b block)) error {
	for n := 0; ; n++ {
		data, err := c.next()
		if n == 0 {
			c.columns = 1
			if twoColumns(data) {
				c.columns = 2
			}
		}
		if len(data) > 0 {
			yield(n, block{data, c.line})
			c.line += bytes.Count(data, []byte("\n"))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// next returns whole lines, or the rest of the input with io.EOF.
func (c *cutter) next() ([]byte, error) {
	buf := append(c.buffer(), c.rest...)
	c.rest = c.rest[:0]
	for {
		n, err := io.ReadFull(c.r, buf[len(buf):cap(buf)])
		searched := len(buf)
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		if err != nil {
			return buf, err
		}
		if end := bytes.LastIndexByte(buf[searched:], '\n') + 1; end > 0 {
			c.rest = append(c.rest, buf[searched+end:]...)
			return buf[:searched+end], nil
		}
		if len(buf) >= maxLine {
			return nil, fmt.Errorf("line %d is longer than %d MiB", c.line, maxLine>>20)
		}
		buf = append(make([]byte, 0, 2*cap(buf)), buf...)
	}
}

// buffer returns an empty buffer: one that a shard is done with, once there are enough.
func (c *cutter) buffer() []byte {
	if c.bought < 2*shards {
		c.bought++
		return make([]byte, 0, blockSize)
	}
	return (<-c.free)[:0]
}
