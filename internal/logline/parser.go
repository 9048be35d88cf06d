package logline

import (
	"bytes"
	"maps"
	"slices"
	"time"
)

// maxLayers bounds how many wrappers are peeled off a line.
const maxLayers = 4

// Parser reads lines. It is not safe for concurrent use; one parser may read any
// number of streams, since it keeps nothing from line to line.
type Parser struct{ fields fieldReader }

// Options define the meaning of further keys.
type Options struct {
	Fields map[string]string        // key → name of a field: user, tool, …
	Units  map[string]time.Duration // key → unit of the duration that it holds
}

// fieldNames are the names of fields that Options may use.
var fieldNames = map[string]field{
	"time": timeField, "level": levelField, "message": messageField, "event": eventField, "logger": loggerField, "request": requestField,
	"session": sessionField, "user": userField, "tool": toolField, "method": methodField, "endpoint": endpointField, "address": addressField,
	"status": statusField, "error_type": errorTypeField, "error": errorTextField, "reason": reasonField, "statement": statementField,
	"stack": stackField, "duration": durationField,
}

// FieldNames returns the names that Options.Fields may map a key to, in order.
func FieldNames() []string { return slices.Sorted(maps.Keys(fieldNames)) }

// NewParser returns a parser that also knows the keys of o. Names of fields that
// do not exist are ignored; the caller checks them against FieldNames.
func NewParser(o Options) *Parser {
	p := &Parser{}
	f := &p.fields
	f.maps, f.opens, f.units = map[string]alias{}, map[string]bool{}, map[string]time.Duration{}
	for key, name := range o.Fields {
		id, ok := fieldNames[name]
		if !ok {
			continue
		}
		f.maps[string(appendKey(nil, []byte(key)))] = alias{field: id}
		f.open(key)
	}
	for key, unit := range o.Units {
		f.units[string(appendKey(nil, []byte(key)))] = unit
		f.open(key)
	}
	return p
}

// open has the objects on the dotted path to key read.
func (f *fieldReader) open(key string) {
	for i, c := range key {
		if c == '.' {
			f.opens[string(appendKey(nil, []byte(key[:i])))] = true
		}
	}
}

// Parse reads one line, without its newline, into r.
func (p *Parser) Parse(line []byte, r *Record) {
	*r = Record{Time: Stamp{Missing: NoStamp}}
	p.fields.seen = 0
	line = bytes.TrimSuffix(line, []byte("\r"))
	if bytes.IndexByte(line, 0x1b) >= 0 {
		line = stripEscapes(line)
	}
	for range maxLayers {
		inner, ok := p.unwrap(line, r)
		if !ok {
			break
		}
		line = inner
	}
	r.Inner = line
	p.read(line, r)
}

// embedded reads the key=value pairs within a message, such as "request_id=r-1
// tool=search finished duration_ms=229". Fields that the line has already stay.
func (p *Parser) embedded(r *Record) {
	if tool, ok := calledTool(r.Message); ok && len(r.Tool) == 0 {
		r.Tool = tool
	}
	f := &p.fields
	if object := finalObject(r.Message); len(object) > 0 && r.Format != Tabbed {
		f.object(object)
	} else if f.reset(); r.Format != Logfmt && bytes.IndexByte(r.Message, '=') >= 0 {
		p.words(r.Message)
	}
	if f.n == 0 {
		return
	}
	found := Record{Time: Stamp{Missing: NoStamp}}
	f.fill(&found)
	if found.RPC.Kind != NoRPC { // a program's own line about a message
		r.RPC, r.Method, r.Message = found.RPC, found.Method, found.Message
	}
	for _, m := range [...]struct{ to, from *[]byte }{
		{&r.Request, &found.Request}, {&r.Session, &found.Session}, {&r.User, &found.User}, {&r.Tool, &found.Tool}, {&r.Endpoint, &found.Endpoint},
		{&r.ErrorType, &found.ErrorType}, {&r.Reason, &found.Reason}, {&r.ErrorText, &found.ErrorText}, {&r.Stack, &found.Stack},
	} {
		if len(*m.to) == 0 {
			*m.to = *m.from
		}
	}
	if r.Status == 0 {
		r.Status = found.Status
	}
	if !r.HasDuration {
		r.Duration, r.HasDuration, r.DurationUnit = found.Duration, found.HasDuration, found.DurationUnit
	}
}

// words collects the pairs among the words of a text.
func (p *Parser) words(text []byte) {
	f := &p.fields
	for word := range bytes.FieldsSeq(text) {
		key, v, ok := bytes.Cut(word, []byte("="))
		key = bytes.TrimLeft(key, "([{")
		if !ok || !isKey(key) || len(v) == 0 {
			continue
		}
		f.path = appendKey(f.path[:0], key)
		if a, known := f.lookup(f.path); known && embeddable[a.field] {
			v = bytes.Trim(v, `"',;)]}`)
			f.put(a, v, isNumber(v))
		}
	}
}

// finalObject returns the JSON object with which a text ends, as winston and Monolog append it.
func finalObject(text []byte) []byte {
	text = bytes.TrimSuffix(text, []byte(" []")) // Monolog's empty extra
	start := bytes.Index(text, []byte(` {"`))
	if start < 0 || text[len(text)-1] != '}' {
		return nil
	}
	return text[start+1:]
}

// embeddable are the fields that are read from pairs within a message.
var embeddable = map[field]bool{
	requestField: true, sessionField: true, userField: true, toolField: true, endpointField: true, statusField: true, durationField: true,
	errorTypeField: true, reasonField: true,
}

// stripEscapes removes ANSI control sequences.
func stripEscapes(line []byte) []byte {
	plain := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		if line[i] != 0x1b {
			plain = append(plain, line[i])
			continue
		}
		if i+1 < len(line) && line[i+1] == '[' {
			i += 2
			for i < len(line) && (line[i] < 0x40 || line[i] > 0x7e) {
				i++
			}
		}
	}
	return plain
}

// read parses the program's own text.
func (p *Parser) read(line []byte, r *Record) {
	if r.Format == JSON {
		p.fields.fill(r)
		return
	}
	text := bytes.TrimLeft(line, " \t")
	if len(text) == 0 {
		r.Format, r.Continues = Blank, true
		return
	}
	for _, reader := range textFormats {
		if reader(p, line, r) {
			p.embedded(r)
			return
		}
	}
	r.Message = text
	if r.Wrappers != 0 {
		r.Format = Stamped
	}
	p.embedded(r)
}
