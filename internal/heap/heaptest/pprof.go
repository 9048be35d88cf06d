package heaptest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// message is a message in Protocol Buffers.
type message []byte

func (m message) number(field int, values ...uint64) message {
	for _, v := range values {
		m = binary.AppendUvarint(m, uint64(field)<<3)
		m = binary.AppendUvarint(m, v)
	}
	return m
}

func (m message) bytes(field int, parts ...[]byte) message {
	for _, part := range parts {
		m = binary.AppendUvarint(m, uint64(field)<<3|2)
		m = binary.AppendUvarint(m, uint64(len(part)))
		m = append(m, part...)
	}
	return m
}

func (m message) packed(field int, values ...uint64) message {
	var list []byte
	for _, v := range values {
		list = binary.AppendUvarint(list, v)
	}
	return m.bytes(field, list)
}

// goProfile is a heap profile of Go: strings 1 to 4 are the types and units of its two
// values, 5 on the names of functions.
type goProfile struct {
	types     []message
	samples   []message
	mappings  []message
	locations []message
	functions []message
	texts     []string
	period    uint64
}

const (
	store  = 5 // strings
	handle = 6
	source = 7
)

func function(id, name uint64) message {
	return message{}.number(1, id).number(2, name).number(4, source)
}

// location is a place of the functions that were inlined there, the innermost first.
func location(id uint64, functions ...uint64) message {
	m := message{}.number(1, id).number(3, 0x1000+id)
	for _, f := range functions {
		m = m.bytes(4, message{}.number(1, f).number(2, 30+f))
	}
	return m
}

func sample(objects, bytes int64, locations ...uint64) message {
	return message{}.packed(1, locations...).packed(2, uint64(objects), uint64(bytes))
}

// plainProfile holds 2 MB in store, called by handle.
func plainProfile() *goProfile {
	return &goProfile{
		types:     []message{message{}.number(1, 1).number(2, 2), message{}.number(1, 3).number(2, 4)},
		samples:   []message{sample(2000, 2<<20, 1, 2)},
		locations: []message{location(1, 1), location(2, 2)},
		functions: []message{function(1, store), function(2, handle)},
		texts:     []string{"", "inuse_objects", "count", "inuse_space", "bytes", "app.store", "app.handle", "/src/app.go"},
		period:    4096,
	}
}

func (p *goProfile) plain() []byte {
	var m message
	for i, list := range [][]message{p.types, p.samples, p.mappings, p.locations, p.functions} {
		for _, part := range list {
			m = m.bytes(i+1, part)
		}
	}
	for _, text := range p.texts {
		m = m.bytes(6, []byte(text))
	}
	return m.bytes(11, message{}.number(1, 3).number(2, 4)).number(12, p.period)
}

// profile returns the plain profile after a change.
func profile(change func(p *goProfile)) []byte {
	p := plainProfile()
	change(p)
	return p.plain()
}

func gz(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // a Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// bomb returns begin and n MiB of one byte, compressed.
func bomb(begin []byte, fill byte, n int) []byte {
	return append(gz(begin), bytes.Repeat(gz(bytes.Repeat([]byte{fill}, 1<<20)), n)...)
}

// heavy is the line of the plain profile in heap, and light its stack in flame.
const (
	heavy = "app.store app.go:31"
	light = "app.handle;app.store 2097152\n"
)

func pprofs() []Case {
	good := plainProfile().plain()
	packed := gz(good)
	return []Case{
		{"good.pb.gz", packed, heavy, light},
		{"plain.pb", good, heavy, light},
		{"twice.pb.gz", gz(packed), heavy, light},
		{"cut.pb.gz", packed[:len(packed)/2], "!the compressed data is cut off", ""},
		{"cut-plain.pb", good[:len(good)-20], "!was it written completely?", ""},
		{"no-types.pb", profile(func(p *goProfile) { p.types = nil }), "!missing sample type", ""},
		{"no-samples.pb", profile(func(p *goProfile) { p.samples = nil }), "0 B of live memory", "!is 0 in every sample"},
		{"negative.pb", profile(func(p *goProfile) { p.samples = append(p.samples, sample(-5, -5<<20, 2)) }), heavy, light},
		{"all-negative.pb", profile(func(p *goProfile) { p.samples = []message{sample(-5, -5<<20, 2)} }), "!all its values are negative: it is a difference", ""},
		{"largest.pb", profile(func(p *goProfile) {
			p.samples = slices.Repeat([]message{sample(math.MaxInt64, math.MaxInt64, 1, 2)}, 9)
		}), "!add up to more than 2^62", ""},
		{"inlined.pb", profile(func(p *goProfile) {
			p.locations = []message{location(1, 1, 2)}
			p.samples = []message{sample(2000, 2<<20, 1)}
		}), heavy, light},
		{"no-mapping.pb", profile(func(p *goProfile) { p.locations[0] = p.locations[0].number(2, 77) }), heavy, light},
		{"no-function.pb", profile(func(p *goProfile) { p.locations[0] = location(1, 99) }), "!location id: 1 has a line with nil function", ""},
		{"no-location.pb", profile(func(p *goProfile) { p.samples = []message{sample(1, 1, 99)} }), "!sample has nil location", ""},
		{"no-lines.pb", profile(func(p *goProfile) { p.locations[0] = location(1) }), "app.handle app.go:32", "app.handle;0x1001 2097152\n"},
		{"no-stack.pb", profile(func(p *goProfile) { p.samples = []message{sample(2000, 2<<20)} }), "(root)", "(root) 2097152\n"},
		{"no-names.pb", profile(func(p *goProfile) { p.functions[0] = message{}.number(1, 1) }), "app.handle app.go:32", "app.handle;(unknown) 2097152\n"},
		{"string-out-of-range.pb", profile(func(p *goProfile) { p.functions[0] = function(1, 1000) }), "!was it written completely?", ""},
		{"string-missing.pb", profile(func(p *goProfile) { p.texts = nil }), "!was it written completely?", ""},
		{"one-value.pb", profile(func(p *goProfile) { p.samples = []message{message{}.packed(1, 1).packed(2, 7)} }), "!sample has 1 values vs. 2 types", ""},
		{"same-location.pb", profile(func(p *goProfile) { p.locations[1] = location(1, 2) }), "!malformed profile", ""},
		{"same-function.pb", profile(func(p *goProfile) { p.functions[1] = function(1, handle) }), "!multiple functions with same id: 1", ""},
		{"same-mapping.pb", profile(func(p *goProfile) { p.mappings = []message{message{}.number(1, 1), message{}.number(1, 1)} }), "!multiple mappings with same id: 1", ""},
		{"id-0.pb", profile(func(p *goProfile) { p.locations[1] = location(0, 2) }), "!malformed profile", ""},
		{"cpu.pb", profile(func(p *goProfile) { p.texts[1], p.texts[3], p.texts[4] = "samples", "cpu", "nanoseconds" }), "!it has samples (2,000), cpu (2.1ms), which is no live memory; \"mcpdiag flame\" draws it", "app.handle;app.store 2.097152\n"},
		{"units.pb", profile(func(p *goProfile) { p.texts[4] = "kilobytes" }), "2.00 GB of live memory", "app.handle;app.store 2147483648\n"},
		{"pages.pb", profile(func(p *goProfile) { p.texts[4] = "pages" }), "!its live memory is in \"pages\" instead of bytes", "app.handle;app.store 2097152\n"},
		{"period.pb", profile(func(p *goProfile) { p.period = 1 << 63 }), heavy, light},
	}
}

func largePprofs() []Case {
	good := plainProfile().plain()
	long := bomb(append(append(message{}, good...), binary.AppendUvarint([]byte{6<<3 | 2}, 300<<20)...), 'A', 300)
	return []Case{
		{"zeros.pb.gz", bomb(nil, 0, 300), "!it begins with zero bytes", ""},
		{"bomb.pb.gz", long, "!unpack to more than 100 times", ""},
		{"bomb-in-bomb.pb.gz", gz(long), "!unpack to more than 100 times", ""},
		{"labels.pb", profile(func(p *goProfile) {
			for range 50_000 {
				p.samples[0] = p.samples[0].bytes(3, message{}.number(1, store).number(2, handle), message{}.number(1, store).number(3, 9).number(4, 4))
			}
		}), heavy, light},
		{"loops.pb", profile(func(p *goProfile) {
			p.samples = []message{sample(2000, 2<<20, append(slices.Repeat([]uint64{1}, 1_000_000), 2)...)}
		}), "!sample 0: its stack has more than 100000 frames", ""},
		{"loops-inlined.pb", profile(func(p *goProfile) {
			p.locations[0] = location(1, slices.Repeat([]uint64{1, 2}, 50_000)...)
			p.samples = []message{sample(2000, 2<<20, append(slices.Repeat([]uint64{1}, 500_000), 2)...)}
		}), "!sample 0: its stack has more than 100000 frames", ""},
		{"many-inlined.pb", profile(func(p *goProfile) {
			p.locations[0] = location(1, slices.Repeat([]uint64{1, 2}, 50_000)...)
			p.samples = slices.Repeat([]message{sample(1, 1, 1)}, 100_000)
		}), "!the place 1 is 100000 inlined functions", ""},
		{"empty-samples.pb", profile(func(p *goProfile) { p.samples = slices.Repeat([]message{nil}, 2_000_000) }), "!fewer than 6 bytes each", ""},
		{"empty-locations.pb", profile(func(p *goProfile) { p.locations = slices.Repeat([]message{nil}, 2_000_000) }), "!fewer than 6 bytes each", ""},
		{"strings.pb", profile(func(p *goProfile) { p.texts = append(p.texts, make([]string, 4_000_000)...) }), "!fewer than 6 bytes each", ""},
		{"long-name.pb", profile(func(p *goProfile) { p.texts[store] = strings.Repeat("long", 1<<20) }), "longlong", "app.handle;longlong"},
	}
}
