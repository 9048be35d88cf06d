package snapshot

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// readAll returns the heaps of a trace's snapshots.
func readAll(r *Reader) (heaps []float64, err error) {
	for s, err := range r.All() {
		switch {
		case err != nil:
			return heaps, err
		case s.HeapUsedMB != nil:
			heaps = append(heaps, *s.HeapUsedMB)
		}
	}
	return heaps, nil
}

func TestReader(t *testing.T) {
	line := func(heap int) string { return `{"heapUsedMB": ` + strconv.Itoa(heap) + `}` }
	for name, tc := range map[string]struct {
		in      string
		want    []float64
		skipped int
		warning string // "" is none
		err     string // "" is none
	}{
		"nothing":                    {in: ""},
		"empty lines":                {in: "\n\n  \n"},
		"lines":                      {in: line(1) + "\n" + line(2) + "\n", want: []float64{1, 2}},
		"no newline at the end":      {in: line(1) + "\n" + line(2), want: []float64{1, 2}},
		"CRLF":                       {in: line(1) + "\r\n\r\n" + line(2) + "\r\n", want: []float64{1, 2}},
		"a byte order mark":          {in: "\xef\xbb\xbf" + line(1) + "\n" + line(2) + "\n", want: []float64{1, 2}},
		"the last line is torn":      {in: line(1) + "\n" + `{"heapUsedM`, want: []float64{1}, skipped: 1, warning: "trace t:2: the JSON is cut off"},
		"a torn line in the middle":  {in: line(1) + "\n" + `{"heapUs` + "\n" + line(3) + "\n", want: []float64{1, 3}, skipped: 1, warning: "trace t:2: the JSON is cut off"},
		"the first line is torn":     {in: `{"heapUs` + "\n" + line(2) + "\n", want: []float64{2}, skipped: 1, warning: "trace t:1: the JSON is cut off"},
		"the head is missing":        {in: `UsedMB": 5}` + "\n" + line(2) + "\n", want: []float64{2}, skipped: 1, warning: "trace t:1: not JSON"},
		"two on one line":            {in: line(1) + line(2) + " \t" + line(3) + "\n" + line(4) + "\n", want: []float64{1, 2, 3, 4}},
		"a bad one on that line":     {in: line(1) + `{"heapUsedMB": }` + line(3) + "\n" + line(4) + "\n", want: []float64{1, 3, 4}, skipped: 1, warning: "trace t:1: not JSON"},
		"braces within strings":      {in: `{"heapUsedMB": 1, "x": "}{\"{"}{"heapUsedMB": 2, "x": [{"a": "\\"}, {}]}` + "\n", want: []float64{1, 2}},
		"something after a document": {in: line(1) + "garbage\n" + line(2) + "\n", want: []float64{2}, skipped: 1, warning: "unexpected data after the document"},
		"a document of many lines":   {in: "{\n  \"heapUsedMB\": 7,\n  \"handlerQueue\": {\n    \"a\": 1\n  }\n}\n", want: []float64{7}},
		"the same with CRLF and BOM": {in: "\xef\xbb\xbf{\r\n  \"heapUsedMB\": 7\r\n}\r\n", want: []float64{7}},
		"many lines, then lines":     {in: "{\n  \"heapUsedMB\": 7\n}\n" + line(8) + "\n", want: []float64{7, 8}},
		"many lines, cut off":        {in: "{\n  \"heapUsedMB\": 7,\n", skipped: 1, err: "reading trace t:1: the JSON is cut off"},
		"nothing good":               {in: "a\nb\n", skipped: 2, err: "reading trace t:1: not JSON"},
		"a failed poll is a record":  {in: `{"poll": {"at": 1, "error": "connection refused"}}` + "\n"},
		"doubts are told once":       {in: strings.Repeat(`{"heapUsedMB": 1, "pid": -4}`+"\n", 3), want: []float64{1, 1, 1}, warning: "t: pid is -4"},
		"NUL where a disk was full":  {in: line(1) + "\n" + strings.Repeat("\x00", 100) + "\n" + line(2) + "\n", want: []float64{1, 2}, skipped: 1, warning: "trace t:2"},
	} {
		// The pieces in which a pipe hands a trace on make no difference.
		for how, wrap := range map[string]func(io.Reader) io.Reader{
			"": func(r io.Reader) io.Reader { return r }, ", byte by byte": iotest.OneByteReader, ", end with data": iotest.DataErrReader,
		} {
			t.Run(name+how, func(t *testing.T) {
				r := NewReader(wrap(strings.NewReader(tc.in)), "t")
				got, err := readAll(r)
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if msg := text(err); tc.err == "" && msg != "" || !strings.Contains(msg, tc.err) {
					t.Errorf("error %q, want %q", msg, tc.err)
				}
				all := strings.Join(r.Warnings, "\n")
				if tc.err == "" && tc.warning == "" && all != "" || !strings.Contains(all, tc.warning) || strings.Count(all, tc.warning) > 1 && tc.warning != "" {
					t.Errorf("warnings %q, want %q", all, tc.warning)
				}
				if r.Skipped != tc.skipped {
					t.Errorf("%d skipped, want %d", r.Skipped, tc.skipped)
				}
			})
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// endless repeats one byte for ever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// A line that is too long is lost, and nothing but that line.
func TestReaderBounds(t *testing.T) {
	good := strings.NewReader
	long := func(c byte) io.Reader { return io.LimitReader(endless(c), 2*MaxLine) }
	for name, tc := range map[string]struct {
		in      io.Reader
		want    []float64
		skipped int
		warning string
	}{
		"all of it":          {long('x'), nil, 1, "trace t:1: longer than 16 MiB"},
		"within many lines":  {io.MultiReader(good("{\n \"a\": "), long('1')), nil, 1, "trace t:1: the JSON is cut off"},
		"the last":           {io.MultiReader(good("{\"heapUsedMB\": 1}\n"), long(' ')), []float64{1}, 1, "trace t:2: longer than 16 MiB"},
		"the first":          {io.MultiReader(long('x'), good("\n{\"heapUsedMB\": 2}\n")), []float64{2}, 1, "trace t:1: longer than 16 MiB"},
		"in the middle":      {io.MultiReader(good("{\"heapUsedMB\": 1}\n"), long('x'), good("\n{\"heapUsedMB\": 3}\nx\n")), []float64{1, 3}, 2, "trace t:2: longer than 16 MiB"},
		"after one on it":    {io.MultiReader(good(`{"heapUsedMB": 1} {"a": "`), long('x'), good("\n{\"heapUsedMB\": 3}\n")), []float64{1, 3}, 1, "trace t:1: longer than 16 MiB"},
		"one document of it": {io.MultiReader(good(`{"heapUsedMB": 1, "a": "`), io.LimitReader(endless('x'), MaxLine/2), good("\"}\n{\"heapUsedMB\": 3}\n")), []float64{1, 3}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(tc.in, "t")
			got, err := readAll(r)
			if !cmp.Equal(got, tc.want) || r.Skipped != tc.skipped || !strings.Contains(strings.Join(r.Warnings, "\n"), tc.warning) {
				t.Errorf("%v, %d skipped, %q; want %v, %d, %q", got, r.Skipped, r.Warnings, tc.want, tc.skipped, tc.warning)
			}
			if (err != nil) != (tc.want == nil) {
				t.Errorf("error %v after %d snapshots", err, len(got))
			}
			if cap(r.in.buf) > 3*MaxLine {
				t.Errorf("it kept %d MiB", cap(r.in.buf)>>20)
			}
		})
	}
}

// A trace that curl wrote is one line, however long: it is read once, in constant memory.
func TestReaderOfOneLongLine(t *testing.T) {
	const many = 100_000
	pad := strings.Repeat("}{", 100)
	all := func(text string) io.Reader { // with a bad one in the middle, and some that are longer than the buffer
		var b strings.Builder
		for i := range many {
			switch i {
			case many / 2:
				b.WriteString(`{"heapUsedMB": } `)
			case many / 3, many / 4:
				b.WriteString(`{"heapUsedMB": 1, "x": "` + strings.Repeat(text, 5000) + `"}`)
			default:
				b.WriteString(`{"heapUsedMB": 1, "toolCallStack": [], "handlers": {"` + text + `": {"calls": 5}}}`)
			}
		}
		return strings.NewReader(b.String() + "\n{\"heapUsedMB\": 1}\nx\n")
	}
	in := all(pad)
	size := in.(*strings.Reader).Size()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := NewReader(in, "t")
	for _, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if size <= MaxLine || r.Read != many || r.Skipped != 2 || !strings.Contains(r.Warnings[len(r.Warnings)-1], "t:3: ") {
		t.Errorf("%d read, %d skipped of %d bytes: %q", r.Read, r.Skipped, size, r.Warnings)
	}
	if cap(r.in.buf) > MaxLine || after.TotalAlloc-before.TotalAlloc > 20*uint64(size) {
		t.Errorf("it kept %d bytes and took %d of %d", cap(r.in.buf), after.TotalAlloc-before.TotalAlloc, size)
	}
}

func TestReaderTellsThatReadingFailed(t *testing.T) {
	broken := errors.New("the disk is broken")
	in := io.MultiReader(strings.NewReader("{\"heapUsedMB\": 1}\n"), iotest.ErrReader(broken))
	got, err := readAll(NewReader(in, "t"))
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("%v after %d snapshots", err, len(got))
	}
}

// writes keeps each Write apart.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestWriter(t *testing.T) {
	poll := &Poll{At: *at(1763700000000), Target: "http://h", LatencyMs: 2}
	const wantPoll = `"poll":{"at":1763700000000,"target":"http://h","latencyMs":2}`
	for name, tc := range map[string]struct{ doc, want string }{
		"unknown fields and number text stay": {
			"{\n \"heapUsedMB\": 1.50e+1,\n \"big\": 123456789012345678901234567890, \"x\": {\"b\": [1 , 2.0], \"a\": \"\\u00e9\\/\"}\n}",
			`{"heapUsedMB":1.50e+1,"big":123456789012345678901234567890,"x":{"b":[1,2.0],"a":"\u00e9\/"},` + wantPoll + "}\n",
		},
		"its own poll is replaced": {
			`{"poll": {"at": 5, "target": "http://evil", "error": "spoofed"}, "heapUsedMB": 1}`, `{"heapUsedMB":1,` + wantPoll + "}\n",
		},
		"however it is written": {
			`{"heapUsedMB": 1, "p\u006fll": {"error": "spoofed"}, "\u0070oll": 5}`, `{"heapUsedMB":1,` + wantPoll + "}\n",
		},
		"only a poll": {`{"poll": {"at": 5}}`, "{" + wantPoll + "}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Decode([]byte(tc.doc))
			if err != nil {
				t.Fatal(err)
			}
			s.Poll = poll
			var out writes
			if err := NewWriter(&out).Write(s); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(writes{tc.want}, out); diff != "" {
				t.Errorf("one Write of one line (-want +got)\n%s", diff)
			}
		})
	}
}

func TestWriterFailedPoll(t *testing.T) {
	var out writes
	w := NewWriter(&out)
	failed := &Snapshot{Poll: &Poll{At: *at(5000), Target: "http://h", LatencyMs: 1, Error: "no answer\nwithin 5s"}}
	plain := &Snapshot{HeapUsedMB: new(2.0)}
	if err := errors.Join(w.Write(failed), w.Write(plain)); err != nil {
		t.Fatal(err)
	}
	want := writes{
		`{"poll":{"at":5000,"target":"http://h","latencyMs":1,"error":"no answer\nwithin 5s"}}` + "\n",
		`{"toolCallStack":null,"heapUsedMB":2}` + "\n",
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What a Reader would not take, a Writer does not write.
func TestWriterBounds(t *testing.T) {
	s := &Snapshot{Raw: []byte(`{"heapUsedMB": 1, "x": "` + strings.Repeat("x", MaxLine) + `"}`), Poll: &Poll{Target: "http://h"}}
	var out writes
	if err := NewWriter(&out).Write(s); err == nil || !strings.Contains(err.Error(), "the snapshot of http://h has 16 MiB") || len(out) > 0 {
		t.Errorf("%v after %d writes", err, len(out))
	}
}

func TestRoundTrip(t *testing.T) {
	want := []*Snapshot{
		{
			Timestamp: at(1763700000000), ActiveSessions: new(int64(3)), ToolCallStack: []Call{{ID: "a", Name: "\u202e\x1b[2J", DurationMs: new(0.5)}},
			HandlerQueue: map[string]int64{"": 1}, Handlers: map[string]Handler{"x": {}}, Poll: &Poll{At: *at(1763700000001), LatencyMs: 1},
		},
		{Poll: &Poll{At: *at(1763700001001), Error: "refused"}},
		{StartTime: at(1763690000000), Poll: &Poll{At: Time{time.UnixMilli(1763700002001)}, Restarted: true}},
	}
	var trace bytes.Buffer
	w := NewWriter(&trace)
	for _, s := range want {
		if err := w.Write(s); err != nil {
			t.Fatal(err)
		}
	}
	var got []*Snapshot
	for s, err := range NewReader(&trace, "t").All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	if diff := cmp.Diff(want, got, ignoreRaw, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
