package read

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// The formats of inputs.
const (
	Folded       stacks.Format = "folded"
	Picture      stacks.Format = "svg" // a picture that mcpdiag drew
	Speedscope   stacks.Format = "speedscope"
	Pprof        stacks.Format = "pprof"
	GoText       stacks.Format = "go text" // from /debug/pprof with debug=1
	GoStacks     stacks.Format = "go stacks"
	CPUProfile   stacks.Format = "cpuprofile"      // of V8
	HeapProfile  stacks.Format = "heapprofile"     // of V8
	HeapSnapshot stacks.Format = "heapsnapshot"    // of V8: objects, no stacks
	Histogram    stacks.Format = "class histogram" // of a JVM: classes, no stacks
	Gecko        stacks.Format = "gecko"
	PerfScript   stacks.Format = "perf script"
	ChromeEvents stacks.Format = "chrome"
	OTLP         stacks.Format = "otlp"
	Jaeger       stacks.Format = "jaeger"
	Zipkin       stacks.Format = "zipkin"
	Document     stacks.Format = "json"   // an object that is none of these
	Binary       stacks.Format = "binary" // a pprof profile, or another file in Protocol Buffers
	Empty        stacks.Format = ""
)

// headSize is how much of an input is looked at to recognize its format.
const headSize = 1 << 20

// Shape is the outline of an input, derived from its beginning.
type Shape struct {
	Format  stacks.Format
	Members []string // of the object, if it is JSON
	Whole   bool     // the input is a single JSON value on several lines
	More    bool     // the head is the beginning of one
}

// Detect recognizes the format of an input by its beginning.
func Detect(head []byte) Shape {
	text := bytes.TrimSpace(head)
	switch {
	case len(head) == 0:
		return Shape{Format: Empty}
	case binary(head[:min(len(head), 64)]):
		return Shape{Format: Binary}
	case bytes.HasPrefix(text, []byte("<?xml")), bytes.HasPrefix(text, []byte("<svg")):
		return Shape{Format: Picture}
	case bytes.HasPrefix(text, []byte(`{"snapshot":`)) && bytes.Contains(text, []byte("node_fields")):
		return Shape{Format: HeapSnapshot} // it may be cut off anywhere
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[")):
		if o, ok := scanJSON(text); ok {
			return Shape{Format: o.format(), Members: o.top, Whole: o.whole, More: o.more}
		}
	}
	return Shape{Format: textFormat(text[:min(len(text), 1<<14)])}
}

// binary reports whether head contains bytes that no text has. Names of frames
// may contain escape characters, so those prove nothing.
func binary(head []byte) bool {
	return bytes.ContainsFunc(head, func(r rune) bool { return r < '\t' || r > '\r' && r < 0x1b })
}

func textFormat(text []byte) stacks.Format {
	for _, mark := range []struct {
		expression string
		format     stacks.Format
	}{
		{`^(\w+ profile: total \d+|heap profile: +\d|--- ?(contention|mutex|heap|growth|heapz|growthz|threadz|profile))`, GoText},
		{`(?m)^goroutine \d+ (gp=\S+ m=\S+ (mp=\S+ )?)?\[[^\]\n]+\]:\s*$`, GoStacks},
		{`(?m)^\s*num\s+#instances\s+#bytes\s+class name\b`, Histogram},
		{`^(#[^\n]*\n|\s)*[^\s;#][^;\n]*?\s+\d+(/\d+)?\s+(\[\d+\]\s+)?\d+\.\d+:(\s+(\d+\s+)?[\w.:/,=-]+:(\s|$)|\s*\n\s+[0-9a-f]+\s)`, PerfScript},
	} {
		if regexp.MustCompile(mark.expression).Match(text) {
			return mark.format
		}
	}
	return Folded
}

// document is the outline of a JSON value: the names of the outermost members,
// or of those of the first element of an array, and all names seen below them.
type document struct {
	array bool
	top   []string
	deep  map[string]bool
	whole bool
	more  bool
}

// scanJSON reads the outline of the value that text begins with. It reports
// false for other text that begins like JSON, such as a frame called {main}.
func scanJSON(text []byte) (*document, bool) {
	d := &document{array: text[0] == '[', deep: map[string]bool{}}
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	level := 1
	for rest := text; len(rest) > 0 && rest[0] == '['; level++ {
		rest = bytes.TrimSpace(rest[1:])
	}
	for {
		token, err := dec.ReadToken()
		if err != nil {
			d.more = errors.Is(err, io.ErrUnexpectedEOF) && len(text) >= headSize-1
			return d, (d.array || len(d.top) > 0) && endsEarly(err, dec, text)
		}
		kind, n := dec.StackIndex(dec.StackDepth())
		switch {
		case dec.StackDepth() == 0:
			return d, d.end(text[:dec.InputOffset()], text[dec.InputOffset():])
		case kind == '{' && n%2 == 1 && token.Kind() == '"':
			d.name(token.String(), dec.StackDepth() == level)
		}
	}
}

// endsEarly reports whether a decoder stopped because text goes no further, or nests
// too deep to be read, rather than at a syntax error within it.
func endsEarly(err error, dec *jsontext.Decoder, text []byte) bool {
	rest := bytes.TrimSpace(text[min(int(dec.InputOffset()), len(text)):])
	return errors.Is(err, io.ErrUnexpectedEOF) || dec.StackDepth() > maxNesting ||
		len(rest) == 0 || string(rest) == "," || len(text) >= headSize-1
}

// maxNesting is a depth at which text that began as JSON is not something else.
const maxNesting = 5000

const maxOutline, maxTop = 10_000, 1000 // names

func (d *document) name(name string, top bool) {
	if len(d.deep) < maxOutline {
		d.deep[name] = true
	}
	if top && len(d.top) < maxTop && !slices.Contains(d.top, name) {
		d.top = append(d.top, name)
	}
}

// end reports whether the text after the value allows it to be JSON.
func (d *document) end(value, rest []byte) bool {
	after := bytes.TrimSpace(rest)
	d.whole = len(after) == 0 && bytes.ContainsAny(bytes.TrimSpace(value), "\n")
	return len(after) == 0 || after[0] == '{' || after[0] == '[' || bytes.HasPrefix(rest, []byte("\n"))
}

func (d *document) has(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(d.top, name) })
}

// format recognizes a document by its members. Order matters: a V8 profile has a
// startTime, as a snapshot has.
func (d *document) format() stacks.Format {
	switch {
	case d.has("snapshot") && d.deep["node_fields"]:
		return HeapSnapshot
	case d.array && d.has("ph"), d.has("traceEvents"):
		return ChromeEvents
	case d.array && d.has("traceID", "spans"):
		return Jaeger
	case d.array && d.has("traceId", "id"):
		return Zipkin
	case d.array:
		return Document
	case d.has("nodes") && d.deep["callFrame"], d.has("head") && d.deep["hitCount"]:
		return CPUProfile
	case d.has("head") && d.deep["selfSize"]:
		return HeapProfile
	case d.has("resourceSpans"), d.has("scopeSpans"), d.has("resourceMetrics"), d.has("resourceLogs"),
		(d.has("batches") || d.has("trace") || d.has("result")) && d.deep["startTimeUnixNano"]:
		return OTLP
	case d.has("data") && d.deep["spans"], d.has("traceID", "spans"):
		return Jaeger
	case d.has("threads") && (d.has("meta") || d.has("libs")):
		return Gecko
	case d.has("shared"), d.has("profiles"), d.has("$schema") && !d.has("toolCallStack"):
		return Speedscope
	}
	return Document
}
