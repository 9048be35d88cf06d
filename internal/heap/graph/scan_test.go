package graph

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/go-faster/jx"
)

// numbers returns an array of n numbers, as the nodes of a snapshot are.
func numbers(n int) []byte {
	var b strings.Builder
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, i*7919%1_000_000)
	}
	b.WriteByte(']')
	return []byte(b.String())
}

func BenchmarkNumbers(b *testing.B) {
	data := numbers(1_000_000)
	b.Run("reader=scanner", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if err := newScanner(bytes.NewReader(data)).records(5, func([]uint64) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("reader=jx", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			d := jx.Decode(bytes.NewReader(data), 1<<16)
			if err := d.Arr(func(d *jx.Decoder) error { _, err := d.UInt64(); return err }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
