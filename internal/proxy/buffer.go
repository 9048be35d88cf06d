package proxy

import "sync"

// copyBuffer is a pooled buffer through which a response is copied. It is
// small while it waits for a stream that may be silent for hours, and large
// while there is much to copy.
type copyBuffer struct {
	standing bool // for a stream that a client holds open
	filled   bool // by the last piece
	bytes    []byte
	pooled   *[]byte
	pool     *sync.Pool
}

const (
	standingBuffer = 512
	smallBuffer    = 2 << 10
	largeBuffer    = 32 << 10
)

var (
	standingBuffers = sync.Pool{New: func() any { return new(make([]byte, standingBuffer)) }}
	smallBuffers    = sync.Pool{New: func() any { return new(make([]byte, smallBuffer)) }}
	largeBuffers    = sync.Pool{New: func() any { return new(make([]byte, largeBuffer)) }}
)

// next returns the buffer for the next piece of a body; length is that of the
// body, or -1.
func (b *copyBuffer) next(length int64) []byte {
	pool := &smallBuffers
	switch {
	case b.filled || length > smallBuffer:
		pool = &largeBuffers
	case b.standing && length < 0:
		pool = &standingBuffers
	}
	if b.pool != pool {
		b.release()
		b.pool = pool
		b.pooled, _ = pool.Get().(*[]byte)
		b.bytes = *b.pooled
	}
	return b.bytes
}

// release puts the buffer back into its pool.
func (b *copyBuffer) release() {
	if b.pool != nil {
		b.pool.Put(b.pooled)
		b.pool = nil
	}
}
