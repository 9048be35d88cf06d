package report

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxNested is how many compressions may be around one input: a file can decompress to itself.
const maxNested = 4

const byteOrderMark = "\xef\xbb\xbf"

// Decode returns the text of r, recognized by its first bytes: gzip and zstd are
// decompressed, UTF-16 becomes UTF-8, and a byte order mark is removed. maxWindow bounds
// the memory that a zstd stream may ask for, in bytes.
func Decode(r io.Reader, maxWindow uint64) (io.Reader, error) {
	for range maxNested + 1 {
		b := bufio.NewReaderSize(r, 64<<10)
		head, _ := b.Peek(16) // an error comes again with the next read
		switch {
		case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
			r = &gzipReader{in: b}
		case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
			z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
			if err != nil {
				return nil, err
			}
			r = cutReader{z}
		case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
			return newUTF16Reader(b, binary.LittleEndian, 2)
		case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
			return newUTF16Reader(b, binary.BigEndian, 2)
		case asciiInUTF16(head, 0):
			return newUTF16Reader(b, binary.LittleEndian, 0)
		case asciiInUTF16(head, 1):
			return newUTF16Reader(b, binary.BigEndian, 0)
		default:
			return skipMark(b), nil
		}
	}
	return nil, fmt.Errorf("it is compressed more than %d times", maxNested)
}

// asciiInUTF16 reports whether head is printable ASCII in UTF-16, with the characters
// in the even places (0) or the odd ones (1), as it looks without a byte order mark.
func asciiInUTF16(head []byte, place int) bool {
	for i, c := range head {
		if i%2 == place != (c >= ' ' && c < 0x7f || c == '\n' || c == '\r' || c == '\t') || i%2 != place && c != 0 {
			return false
		}
	}
	return len(head) >= 8
}

// gzipReader decompresses the members of a gzip file one after another. Zeros may
// follow the last one, as backups and tapes pad files.
type gzipReader struct {
	in  *bufio.Reader
	z   *gzip.Reader
	err error // of the last read: it comes again with the next one
}

func (g *gzipReader) Read(p []byte) (n int, err error) {
	for n == 0 && g.err == nil && len(p) > 0 {
		if g.z == nil {
			if g.z, g.err = gzip.NewReader(g.in); g.err != nil {
				break
			}
			g.z.Multistream(false)
		}
		if n, g.err = g.z.Read(p); errors.Is(g.err, io.EOF) {
			g.err = g.next()
		}
	}
	return n, cutOff(g.err)
}

// next begins the next member, or returns io.EOF.
func (g *gzipReader) next() error {
	for {
		c, err := g.in.ReadByte()
		switch {
		case err != nil:
			return err
		case c == 0:
		case c == 0x1f:
			_ = g.in.UnreadByte() // it was read just now
			err := g.z.Reset(g.in)
			g.z.Multistream(false)
			return err
		default:
			return errors.New("there are bytes after the gzip data that are not gzip")
		}
	}
}

// cutReader words the error of compressed data that ends early.
type cutReader struct{ io.Reader }

func (c cutReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	return n, cutOff(err)
}

func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the compressed data is cut off (%w): was it copied completely?", err)
	}
	return err
}

// SkipByteOrderMark returns the text of r without the mark that some programs of Windows
// begin it with.
func SkipByteOrderMark(r io.Reader) *bufio.Reader { return skipMark(bufio.NewReaderSize(r, 64<<10)) }

func skipMark(b *bufio.Reader) *bufio.Reader {
	if head, _ := b.Peek(len(byteOrderMark)); string(head) == byteOrderMark {
		_, _ = b.Discard(len(byteOrderMark)) // it is in the buffer
	}
	return b
}

// utf16Reader turns UTF-16, as PowerShell redirects write it, into UTF-8.
type utf16Reader struct {
	r     *bufio.Reader
	order binary.ByteOrder
	rest  []byte
}

func newUTF16Reader(b *bufio.Reader, order binary.ByteOrder, mark int) (io.Reader, error) {
	_, err := b.Discard(mark)
	return &utf16Reader{r: b, order: order}, err
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		var raw [4096]byte
		n, err := io.ReadFull(u.r, raw[:])
		if n < 2 {
			if errors.Is(err, io.ErrUnexpectedEOF) { // within a unit
				err = io.EOF
			}
			return 0, err
		}
		units := make([]uint16, 0, n/2+1)
		for i := 0; i+1 < n; i += 2 {
			units = append(units, u.order.Uint16(raw[i:]))
		}
		if last := units[len(units)-1]; utf16.IsSurrogate(rune(last)) && last < 0xdc00 && err == nil {
			if pair, err := u.r.Peek(2); err == nil {
				units = append(units, u.order.Uint16(pair))
				_, _ = u.r.Discard(2)
			}
		}
		u.rest = []byte(string(utf16.Decode(units)))
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}
