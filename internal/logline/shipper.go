package logline

import (
	"bytes"
	"slices"
)

// batchStart begins a line that holds the log records of OpenTelemetry's file exporter.
var batchStart = []byte(`{"resourceLogs"`)

// IsBatch reports whether a line holds several records, which Batch separates.
func IsBatch(line []byte) bool { return bytes.HasPrefix(line, batchStart) || arrayStart(line) >= 0 }

// arrayStart returns where an array of objects begins: that of a whole line, or a batch of
// JSON-RPC behind other text; -1 if there is none.
func arrayStart(line []byte) int {
	at := bytes.IndexByte(line, '{') - 1
	if at < 0 || line[at] != '[' || at > 0 && (line[at-1] != ' ' || !bytes.Contains(line[at:], []byte(`"jsonrpc"`))) {
		return -1
	}
	return at
}

// Batch calls yield with each record of a line and with its text, which begins with the text in
// front of an array. Records of OTLP in JSON have the name of their service.
func Batch(line []byte, yield func(service, record, text []byte)) {
	f := fieldReader{line: line}
	if f.at = arrayStart(line); f.at >= 0 {
		head := line[:f.at]
		f.elements(func(record []byte) { yield(nil, record, slices.Concat(head, record)) })
		return
	}
	var service []byte
	for f.at = 0; ; {
		next := bytes.Index(f.line[f.at:], []byte(`"logRecords":`))
		if next < 0 {
			return
		}
		if name := serviceName(f.line[f.at : f.at+next]); len(name) > 0 {
			service = name
		}
		f.at += next + len(`"logRecords":`)
		if f.blanks() == '[' && !f.elements(func(record []byte) { yield(service, record, record) }) {
			return
		}
	}
}

// elements calls yield with the objects of the array that begins here, and reports whether
// each of them ends.
func (f *fieldReader) elements(yield func(record []byte)) bool {
	for f.at++; f.blanks() == '{' || f.blanks() == ','; {
		start := f.at
		f.at++
		if f.line[start] == ',' {
			continue
		}
		if !f.skipRest() {
			return false
		}
		yield(f.line[start:f.at])
	}
	return true
}

// serviceName returns the last service.name among the attributes of resources.
func serviceName(text []byte) []byte {
	i := bytes.LastIndex(text, []byte(`"service.name"`))
	if i < 0 {
		return nil
	}
	_, rest, ok := bytes.Cut(text[i:], []byte(`"stringValue":"`))
	name, _, ended := bytes.Cut(rest, []byte(`"`))
	if !ok || !ended {
		return nil
	}
	return name
}

// unwrapFluentBit reads `tag: [1764061201.25, {"log"=>"text"}]` and, with metadata,
// `tag: [[1764061201.25, {}], {"log"=>"text"}]` behind the number of a record, as Fluent Bit
// writes them to its standard output.
func (p *Parser) unwrapFluentBit(text []byte, r *Record) (inner []byte, ok bool) {
	tag, rest, found := bytes.Cut(text, []byte(": ["))
	number, _, _ := bytes.Cut(bytes.TrimPrefix(rest, []byte("[")), []byte(","))
	s := stampOfNumber(number)
	_, object, pair := bytes.Cut(rest, []byte(", {\""))
	if !found || !pair || s.Missing != Complete || bytes.IndexByte(tag, ' ') >= 0 || !p.fields.object(arrowsToColons(object)) {
		return nil, false
	}
	r.Wrappers, r.Stream = r.Wrappers|Shipper, tag
	r.stamp(s)
	if message := p.fields.text(messageField); len(message) > 0 && !p.fields.has(levelField) {
		return bytes.TrimRight(message, "\r\n"), true
	}
	r.Format = JSON
	return nil, true
}

// arrowsToColons makes JSON of `key"=>value, …}]`.
func arrowsToColons(text []byte) []byte {
	object := append(make([]byte, 0, len(text)+2), '{', '"')
	quoted := true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted && i+1 < len(text):
			object = append(object, c)
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == '=' && i+1 < len(text) && text[i+1] == '>':
			i++
			object = append(object, ':')
			continue
		}
		object = append(object, text[i])
	}
	return object
}

// journalFields are the fields that readExport takes from journalctl -o export, where each
// field of a record is a line; the message is a wrapped line of its own.
var journalFields = map[string]func(text []byte, r *Record){
	"__CURSOR":             func(_ []byte, r *Record) { r.Continues = false },
	"__REALTIME_TIMESTAMP": func(text []byte, r *Record) { r.stamp(stampOfNumber(text)) },
	"PRIORITY":             func(text []byte, r *Record) { r.Level = levelOfSyslog(integer(text)) },
	"SYSLOG_IDENTIFIER":    func(text []byte, r *Record) { r.Logger = text },
}

// readExport reads one field of a record of journalctl -o export.
func readExport(_ *Parser, line []byte, r *Record) bool {
	key, text, ok := bytes.Cut(line[:min(len(line), 300)], []byte("="))
	if !ok || len(key) < 4 || key[0] != '_' && journalFields[string(key)] == nil {
		return false
	}
	for _, c := range key {
		if c != '_' && !isDigit(c) && (c < 'A' || c > 'Z') {
			return false
		}
	}
	r.Format, r.Continues, r.Wrappers = JournalExport, true, r.Wrappers|Journal
	if read := journalFields[string(key)]; read != nil {
		read(text, r)
	}
	return true
}
