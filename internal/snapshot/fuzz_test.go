package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What Decode takes, Writer writes on one line, and it reads back the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"timestamp": 1763700000000, "activeSessions": 12, "toolCallStack": [{"id": "c1", "name": "search", "durationMs": 532}], "handlerQueue": {"search": 3}, "heapUsedMB": 61.4}`,
		`{"handlerQueue": [{"handler": "a", "depth": 1}], "handlers": {"a": {"calls": 1}}, "startTime": "2025-11-21T04:40:40Z"}`,
		`{"p\u006fll": {"error": "x"}, "heapUsedMB": "5", "heapUsedMB": -1}`,
		"\xef\xbb\xbf{\n \"pid\": 1e3, \"x\": \"\xff\"}",
		`{"poll": {"at": 1, "error": "x"}}`, `[`, `<html>`, ``, `{"timestamp": 1e300, "uptimeMs": 9e15}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Decode(bytes.Clone(data))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		for i := range s.ToolCallStack {
			if c := &s.ToolCallStack[i]; !utf8.ValidString(c.ID+c.Name) || len(c.ID) > MaxName+2 {
				t.Errorf("call %q of %q", c.ID, c.Name)
			}
		}
		if _, age := s.Oldest(); age < 0 || s.Queued() < 0 {
			t.Errorf("age %s, %d queued", age, s.Queued())
		}
		s.Poll = &Poll{At: *at(1763700000000), LatencyMs: 1}
		var line bytes.Buffer
		if err := NewWriter(&line).Write(s); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(line.Bytes(), []byte("\n")); n != 1 {
			t.Fatalf("%d lines: %q", n, line.Bytes())
		}
		back, err := Decode(line.Bytes())
		if err != nil {
			t.Fatalf("reading %q back: %v", line.Bytes(), err)
		}
		if diff := cmp.Diff(s, back, ignoreRaw, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-written +read)\n%s", line.Bytes(), diff)
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("{\"heapUsedMB\": 1}\n{\"heapUsedMB\": 2}\n"), 7)
	f.Add([]byte("{\n\"heapUsedMB\": 1\n}\n\n{\"heapUs"), 1)
	f.Add([]byte("\xef\xbb\xbf{\r\n}\r\nx"), 3)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		whole := NewReader(bytes.NewReader(data), "t")
		want, wantErr := readAll(whole)
		pieces := NewReader(&inPieces{data: data, size: max(piece&0xff, 1)}, "t")
		got, gotErr := readAll(pieces)
		if !cmp.Equal(want, got) || text(wantErr) != text(gotErr) || whole.Read != pieces.Read || whole.Skipped != pieces.Skipped {
			t.Errorf("whole: %v, %v; in pieces of %d: %v, %v", want, wantErr, piece, got, gotErr)
		}
	})
}

// inPieces hands out data in pieces of size.
type inPieces struct {
	data []byte
	size int
}

func (p *inPieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[:min(p.size, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}

// FuzzOracle compares the decoder with a strict reader, jsontext: both agree on what is
// JSON, and on the number of each figure. In a trace the decoder reads the same.
func FuzzOracle(f *testing.F) {
	for _, doc := range []string{
		usual, `{}`, `{"heapUsedMB":-1}`, `{"heapUsedMB":1e3}`, `{"heapUsedMB":01}`, `{"heapUsedMB":0.1,"heapUsedMB":2}`, `{"pid":1.5}`, `{"pid":1+5}`,
		`{"toolCallStack":[{"id":"a","name":"x"},{"id":"a","name":"y"}]}`, `{"toolCallStack":[{"name":"x"},]}`, `{"toolCallStack":[{"id":"é"}]}`,
		`{"handlerQueue":[{"handler":"a","depth":1}]}`, `{"heapUsedMB":9007199254740993}`, `{"heapUsedMB":"5"}`, `{"heapUsedMB":1}x`, `{"heapUsedMB":1.}`,
		`{"heapUsedMB":0.1234567890123456789}`, `{"timestamp":99999999999999999}`, `{"handlerQueue":{"a":1,"a":2}}`, "{\"heapUsedMB\":1,\"a\x01\":2}", `{"pid":1,"x":[{"a":]}`, `{"x":"\ud800\u0","heapUsedMB":1}`,
	} {
		f.Add([]byte(doc))
	}
	options := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	f.Fuzz(func(t *testing.T, data []byte) {
		inTrace := newDecoder(fewStrings)
		inTrace.trace = true
		for range 2 { // the second time its calls are known
			agree(t, inTrace, data)
		}
		got, err := Decode(data)
		want, valid := map[string]jsontext.Value{}, false
		dec := jsontext.NewDecoder(bytes.NewReader(trimStart(data)), options...)
		if dec.PeekKind() == '{' {
			valid = readMembers(dec, want) && errorIs(dec.ReadToken, io.EOF)
		}
		if err != nil {
			if valid && strings.Contains(err.Error(), "not JSON") && !strings.Contains(err.Error(), "depth") {
				t.Fatalf("refuses JSON: %v", err)
			}
			return
		}
		if !valid {
			t.Fatal("accepts what is not JSON")
		}
		for _, figure := range Figures(func(f *Field) int { return f.Rank }) {
			raw := want[figure.Name]
			v, known := figure.Value(got)
			number, err := strconv.ParseFloat(string(raw), 64)
			plausible := raw.Kind() == '0' && err == nil && number >= 0 && number <= MaxCount && (figure.Unit != Count || number == math.Trunc(number))
			if raw.Kind() != '"' && figure.Set != nil && (known != plausible || known && v != number) {
				t.Errorf("%s is %s: got %g, %t", figure.Name, raw, v, known)
			}
		}
	})
}

// readMembers reads the first value of each name of an object.
func readMembers(dec *jsontext.Decoder, into map[string]jsontext.Value) bool {
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return false
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return false
		}
		if _, twice := into[key]; !twice {
			into[key] = value.Clone()
		}
	}
	_, err := dec.ReadToken()
	return err == nil
}

func errorIs(read func() (jsontext.Token, error), want error) bool {
	_, err := read()
	return errors.Is(err, want)
}

const usual = `{"timestamp":1763700000992,"activeSessions":7,"toolCallStack":[{"id":"c1","name":"read_file","durationMs":12.5,` +
	`"sessionId":"s1"},{"id":"c2","name":"plan","durationMs":0,"parentId":"c1","handler":"h","startedAt":1763700000000}],` +
	`"handlerQueue":{"search":3},"heapUsedMB":60.9,"rssMB":100.25,"pid":12,"startTime":1763600000,"uptimeMs":1.5,` +
	`"sessionsCreatedTotal":9,"sessionsClosedTotal":2,"oldestSessionAgeMs":4,"openStreams":1,"callsTotal":100,"errorsTotal":0,` +
	`"handlers":{"search":{"calls":1,"errors":0,"retainedMB":0.5}},` +
	`"poll":{"at":1763700000992,"target":"http://localhost:3100/debug/snapshot","latencyMs":2.1,"dnsMs":0.5,"connectMs":0.25,"tlsMs":0.75,"firstByteMs":1.9,"intervalMs":1000}}`

func BenchmarkReader(b *testing.B) {
	trace := strings.Repeat(usual+"\n", 1000)
	b.Run("by=Reader", func(b *testing.B) {
		b.SetBytes(int64(len(trace)))
		b.ReportAllocs()
		for b.Loop() {
			for _, err := range NewReader(strings.NewReader(trace), "t").All() {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("by=json", func(b *testing.B) { // without a check of any member
		b.SetBytes(int64(len(trace)))
		b.ReportAllocs()
		for b.Loop() {
			for line := range strings.Lines(trace) {
				var members map[string]any
				if err := json.Unmarshal([]byte(line), &members); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
