package proxy

import "sync"

// buffer is what an answer is copied through. A stream may be open for hours
// with nothing to say, so it waits with a small one, and takes a large one
// while there is much to copy.
type buffer struct {
	bytes  []byte
	filled bool // the last piece filled it
	pooled *[]byte
	pool   *sync.Pool
}

const (
	smallBuffer = 2 << 10
	largeBuffer = 32 << 10
)

var (
	small = sync.Pool{New: func() any { return new(make([]byte, smallBuffer)) }}
	large = sync.Pool{New: func() any { return new(make([]byte, largeBuffer)) }}
)

// next is the buffer for the next piece of a body of a length, -1 where that is not known.
func (b *buffer) next(length int64) []byte {
	pool := &small
	if b.filled || length > smallBuffer {
		pool = &large
	}
	if b.pool != pool {
		b.free()
		b.pool = pool
		b.pooled, _ = pool.Get().(*[]byte)
		b.bytes = *b.pooled
	}
	return b.bytes
}

func (b *buffer) free() {
	if b.pool != nil {
		b.pool.Put(b.pooled)
		b.pool = nil
	}
}
