package snapshot

import (
	"bytes"
	"io"
	"testing"
	"unicode/utf8"

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
