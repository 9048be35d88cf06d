package sse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// readAll returns all events of a stream.
func readAll(stream io.Reader, maxData int) (all []Event, err error) {
	r := NewReader(stream, maxData)
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		e.Data = bytes.Clone(e.Data)
		all = append(all, e)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   string
		want []Event
	}{
		"data":                  {"data: a\n\n", []Event{{Data: []byte("a")}}},
		"lines of data":         {"data: a\ndata:\ndata: b\n\n", []Event{{Data: []byte("a\n\nb")}}},
		"one space is removed":  {"data:  a\n\n", []Event{{Data: []byte(" a")}}},
		"no colon":              {"data\n\n", []Event{{Data: []byte{}}}},
		"empty data":            {"id: 1\ndata:\n\n", []Event{{ID: "1", Data: []byte{}}}},
		"all fields":            {"event: x\nid: 7\nretry: 30\ndata: a\n\n", []Event{{Name: "x", ID: "7", Retry: 30 * time.Millisecond, Data: []byte("a")}}},
		"id only":               {"id: 7\n\ndata: a\n\n", []Event{{ID: "7"}, {Data: []byte("a")}}},
		"retry is not a number": {"retry: soon\ndata: a\n\n", []Event{{Data: []byte("a")}}},
		"retry at once":         {"retry: 0\ndata: a\n\n", []Event{{Retry: 1, Data: []byte("a")}}},
		"NUL in the id":         {"id: a\x00b\ndata: a\n\n", []Event{{Data: []byte("a")}}},
		"unknown fields":        {"dat: x\ndatax: y\nabcdefghijklmnopqrstuvwxyz: 1\n\ndata: a\n\n", []Event{{Data: []byte("a")}}},
		"comments only":         {": a\n\n: b\n\n", nil},
		"line ends":             {"data: a\r\rdata: b\r\n\r\ndata: c\n\n", []Event{{Data: []byte("a"), LoneCR: true}, {Data: []byte("b")}, {Data: []byte("c")}}},
		"byte order mark":       {byteOrderMark + "data: a\n\n" + byteOrderMark + "data: b\n\n", []Event{{Data: []byte("a")}}},
		"incomplete at the end": {"data: a\n\ndata: b\n", []Event{{Data: []byte("a")}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tc.in), iotest.OneByteReader(strings.NewReader(tc.in))} {
				got, err := readAll(r, 0)
				if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
					t.Errorf("%v (-want +got)\n%s", err, diff)
				}
			}
		})
	}
}

// endless repeats its text for ever.
type endless string

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], e)
	}
	return n, nil
}

func TestDataIsLimited(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]endless{"one line": "data: x", "many lines": "data: x\n"} {
		limit := &io.LimitedReader{R: text, N: 1 << 20}
		var large *TooLargeError
		if _, err := readAll(limit, 1<<10); !errors.As(err, &large) || limit.N == 0 {
			t.Errorf("%s: %v, %d bytes left", name, err, limit.N)
		}
	}
}

// TestOtherFieldsTakeNoMemory checks that what is not data is not kept.
func TestOtherFieldsTakeNoMemory(t *testing.T) {
	t.Parallel()
	for _, text := range []endless{"x", ": comment", "id: 7"} {
		var p Parser
		piece := make([]byte, 64<<10)
		_, _ = text.Read(piece)
		for range 100 {
			if _, _, ok, err := p.Next(piece); ok || err != nil {
				t.Fatalf("%s: %t, %v", text, ok, err)
			}
		}
		if kept := cap(p.field) + cap(p.value) + cap(p.data); kept > 4*maxValue {
			t.Errorf("%s: %d bytes are kept", text, kept)
		}
	}
}

func TestSinkReceivesData(t *testing.T) {
	t.Parallel()
	var got []byte
	p := Parser{Max: 1, Sink: func(part []byte) { got = append(got, part...) }}
	rest := []byte("event: endpoint\ndata: one\ndata: two\n\ndata: 3\n\n")
	var names []string
	for len(rest) > 0 {
		e, r, ok, err := p.Next(rest)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		rest = r
		names = append(names, e.Name)
		got = append(got, '|')
	}
	if diff := cmp.Diff([]string{"endpoint", ""}, names); diff != "" || string(got) != "one\ntwo|3|" {
		t.Errorf("%q %s", got, diff)
	}
}

// FuzzEvents checks that neither the kind of line end nor the size of pieces matters.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "id: 1\ndata:\n\nevent: message\ndata: {}\n\n", ": c\r\rretry: 5\r\ndata: x\r\n\r\n", byteOrderMark + "data"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		want, err := readAll(bytes.NewReader(in), 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(iotest.OneByteReader(bytes.NewReader(in)), 0)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("byte by byte: %v %s", err, diff)
		}
		unix := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(in))
		got, err = readAll(strings.NewReader(unix), 0)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("with newlines: %v %s", err, diff)
		}
	})
}
