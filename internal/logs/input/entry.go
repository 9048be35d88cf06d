package input

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logline"
)

// Bounds of the continuation of one record.
const (
	maxMoreLines = 500
	maxMoreBytes = 256 << 10
	maxStreams   = 10000
)

// overflow is the name of the stream that takes the lines of all streams beyond maxStreams.
const overflow = "\x00"

// Entry is a record of a log with its time and place. It is valid only until the
// function that it was handed to returns.
type Entry struct {
	*logline.Record

	Nanos     int64 // since 1970
	Known     bool  // Nanos is valid
	Inherited bool  // Nanos is that of an earlier line: never used for latency

	Source *Source
	Offset int64 // of its first line in the decoded source
	Raw    []byte
	More   [][]byte // continuation lines, without their wrappers

	moreLines int // that continue it, also those that are part of the message
	moreBytes int
	held      bool // its bytes are its own
}

// HasTime reports whether the line itself, or its wrapper, gives a time.
func (e *Entry) HasTime() bool { return e.Known && !e.Inherited }

// extend appends a continuation line.
func (e *Entry) extend(r *logline.Record) {
	text := r.Inner
	if e.moreLines >= maxMoreLines || e.moreBytes+len(text) > maxMoreBytes {
		return
	}
	e.moreLines++
	e.moreBytes += len(text)
	switch {
	case e.Format == logline.Rich:
		e.Message = bytes.Join([][]byte{e.Message, r.Message}, []byte(" "))
		return
	case len(e.Message) == 0:
		e.Message = r.Message
		if e.Level == logline.NoLevel {
			e.Level = r.Level // of Java's logging
		}
		return
	case e.Format == logline.RustPanic && len(e.More) == 0:
		e.ErrorText = r.Message
	case e.Format == logline.Postgres && len(r.Statement) > 0:
		e.Statement = r.Statement
	}
	e.More = append(e.More, text)
}

// extendExport adds a line of journalctl -o export: one field, or the message.
func (e *Entry) extendExport(r *logline.Record) {
	before := *e.Record
	if r.Format != logline.JournalExport && len(before.Message) == 0 {
		e.Record, e.held = r, false // the program's own line
	}
	e.fill(&before, before.Stream)
	if r.Format == logline.JournalExport {
		e.fill(r, r.Logger)
	}
}

// fill completes e from r, and its stream.
func (e *Entry) fill(r *logline.Record, stream []byte) {
	if e.Time.Missing == logline.NoStamp {
		e.Time = r.Time
	}
	if e.Level == logline.NoLevel {
		e.Level = r.Level
	}
	if len(e.Stream) == 0 {
		e.Stream = stream
	}
}

// finish completes an entry whose continuation has been read: a stack trace makes a
// line without a level an error.
func (e *Entry) finish() {
	if len(e.More) == 0 || len(e.Stack) > 0 {
		return
	}
	stack := bytes.Join(e.More, []byte("\n"))
	frames := bytes.TrimLeft(stack, " \t")
	if bytes.HasPrefix(frames, []byte("goroutine ")) || bytes.Contains(frames, []byte("\ngoroutine ")) { // the message is the panic
		e.Stack = stack
		if e.Level == logline.NoLevel {
			e.Level = logline.Error
		}
		return
	}
	name, text := logline.ErrorOfStack(frames)
	if name == nil && bytes.HasPrefix(frames, []byte("at ")) {
		name, text = logline.ErrorOfStack(bytes.TrimPrefix(e.Message, []byte("Uncaught exception: ")))
	}
	if name == nil || !isStack(name, stack) {
		return
	}
	e.Stack = stack
	if e.Level == logline.NoLevel {
		e.Level = logline.Error
	}
	if len(e.ErrorType) == 0 {
		e.ErrorType = name
	}
	if len(e.ErrorText) == 0 {
		e.ErrorText = text
	}
}

// isStack reports whether lines below a record, of which the first begins with name, are a
// stack trace and not the members of an object, such as headers.
func isStack(name, lines []byte) bool {
	for _, mark := range [...]string{"at ", `File "`, "Traceback ", "Caused by:"} {
		if bytes.HasPrefix(lines, []byte(mark)) || bytes.Contains(lines, []byte("\n"+mark)) || bytes.Contains(lines, []byte(" "+mark)) || bytes.Contains(lines, []byte("\t"+mark)) {
			return true
		}
	}
	for _, end := range [...]string{"Error", "Exception", "Timeout", "Fault"} {
		if bytes.HasSuffix(name, []byte(end)) {
			return true
		}
	}
	return bytes.IndexByte(name, '.') > 0
}

// hold copies the bytes that e refers to, so that it outlives its block.
func (e *Entry) hold() {
	if e.held {
		return
	}
	e.held = true
	record := *e.Record
	e.Record = &record
	for _, field := range [...]*[]byte{
		&e.Raw, &e.Inner, &e.Stream, &e.Logger, &e.Message, &e.Event, &e.Request, &e.Session, &e.User, &e.Tool, &e.Method, &e.Endpoint,
		&e.Address, &e.ErrorType, &e.ErrorText, &e.Reason, &e.Statement, &e.Stack, &e.RPC.ID, &e.RPC.RefersTo,
	} {
		*field = bytes.Clone(*field)
	}
	for i, text := range e.More {
		e.More[i] = bytes.Clone(text)
	}
}

// joiner puts lines together to entries.
type joiner struct {
	source  *Source
	clock   logline.Clock
	parser  *logline.Parser
	streams map[string]*stream
	last    *stream
	stats   *Stats
	yield   func(*Entry) error
}

// stream is one container, pod or server within a source.
type stream struct {
	entry   Entry
	open    bool   // entry waits for continuation lines
	partial []byte // pieces of a line that a wrapper has split
	export  bool   // a record of journalctl -o export is open
	python  bool   // a traceback is open: the line without indentation ends it
}

// streamOf returns the stream of r. Lines without a wrapper between those of a host
// belong to the stream of the line before.
func (j *joiner) streamOf(r *logline.Record) *stream {
	if len(r.Stream) == 0 && r.Continues && j.last != nil {
		return j.last
	}
	name := string(r.Stream)
	s, ok := j.streams[name]
	if !ok && len(j.streams) >= maxStreams {
		name = overflow
		s, ok = j.streams[name]
	}
	if !ok {
		s = &stream{}
		j.streams[name] = s
	}
	return s
}

func (j *joiner) block(b *block) error {
	if j.source.follow {
		j.clock.Last = time.Now() // it has no last line
	}
	for i := range b.lines {
		l := &b.lines[i]
		add := j.line
		if logline.IsBatch(b.data[l.start:l.end]) {
			add = j.batch
		}
		if err := add(b, l); err != nil {
			return err
		}
	}
	if b.cut > 0 {
		j.stats.CutLines++
		j.stats.CutBytes += b.cut
	}
	for _, s := range j.streams {
		if s.open {
			s.entry.hold()
		}
	}
	if len(b.lines) == 0 && len(b.data) == 0 {
		return j.flush() // a followed file is idle
	}
	return nil
}

// batch adds the records of one line one by one, since they are many more bytes than it.
func (j *joiner) batch(b *block, l *line) error {
	at, n := l.start, 0
	var err error
	logline.Batch(b.data[l.start:l.end], func(service, record, text []byte) {
		at += bytes.Index(b.data[at:l.end], record)
		one := line{start: at, end: at + len(record)}
		at, n = one.end, n+1
		if j.parser.Parse(text, &one.record); len(service) > 0 {
			one.record.Stream = service
		}
		if err == nil {
			err = j.line(b, &one)
		}
	})
	if n == 0 {
		return j.line(b, l)
	}
	return err
}

func (j *joiner) line(b *block, l *line) error {
	r := &l.record
	j.stats.line(r, b.data[l.start:l.end])
	s := j.streamOf(r)
	if r.Partial || len(s.partial) > 0 {
		if !j.join(s, r) {
			return nil
		}
	}
	j.last = s
	if s.continues(r) {
		if s.entry.held {
			r.Inner, r.Message, r.Statement, r.Logger = bytes.Clone(r.Inner), bytes.Clone(r.Message), bytes.Clone(r.Statement), bytes.Clone(r.Logger)
		}
		if s.export {
			s.entry.extendExport(r)
			s.entry.Nanos, s.entry.Inherited, s.entry.Known = j.clock.Resolve(s.entry.Time)
			return nil
		}
		s.entry.extend(r)
		return nil
	}
	s.export = r.Format == logline.JournalExport && len(r.Message) == 0
	if err := j.close(s); err != nil {
		return err
	}
	nanos, inherited, known := j.clock.Resolve(r.Time)
	s.entry = Entry{
		Record: r, Nanos: nanos, Known: known, Inherited: inherited, Source: j.source,
		Offset: b.offset + int64(l.start), Raw: b.data[l.start:l.end], More: s.entry.More[:0],
	}
	s.open = true
	return nil
}

// continues reports whether r belongs to the open entry.
func (s *stream) continues(r *logline.Record) bool {
	if !s.open {
		return false
	}
	if s.export {
		return r.Format != logline.JournalExport || r.Continues
	}
	if e := &s.entry; len(e.More) == 0 && r.Time.Missing == logline.NoStamp && r.Format != logline.JSON {
		if e.Format == logline.JavaLogging && len(e.Message) == 0 || e.Format == logline.RustPanic {
			return true
		}
	}
	last := s.python && (r.Format == logline.Unknown || r.Format == logline.ErrorLine) && !r.Continues
	s.python = (s.python || bytes.HasPrefix(r.Inner, []byte("Traceback "))) && r.Continues
	return r.Continues || last
}

// join collects the pieces of a split line; with the last one it parses the whole
// into r and reports true.
func (j *joiner) join(s *stream, r *logline.Record) bool {
	if len(s.partial)+len(r.Inner) <= maxMoreBytes {
		s.partial = append(s.partial, r.Inner...)
	}
	if r.Partial {
		return false
	}
	outer := *r
	j.parser.Parse(bytes.Clone(s.partial), r)
	s.partial = s.partial[:0]
	r.Wrappers |= outer.Wrappers
	if len(r.Stream) == 0 {
		r.Stream = outer.Stream
	}
	if r.Time.Missing >= outer.Time.Missing {
		r.Time = outer.Time
	}
	return true
}

// close yields the open entry of s.
func (j *joiner) close(s *stream) error {
	if !s.open {
		return nil
	}
	s.open = false
	s.entry.finish()
	return j.yield(&s.entry)
}

// flush yields the open entries in the order of their first lines.
func (j *joiner) flush() error {
	for _, s := range slices.SortedFunc(maps.Values(j.streams), func(a, b *stream) int { return cmp.Compare(a.entry.Offset, b.entry.Offset) }) {
		if err := j.close(s); err != nil {
			return err
		}
	}
	return nil
}
