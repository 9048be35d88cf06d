package mcp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func events(r io.Reader) (all []Event, err error) {
	for e, err := range Events(r) {
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

func TestEvents(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want []Event
	}{
		"data":                 {"data: a\n\n", []Event{{Data: []byte("a")}}},
		"lines of data":        {"data: a\ndata:\ndata: b\n\n", []Event{{Data: []byte("a\n\nb")}}},
		"one space goes":       {"data:  a\n\n", []Event{{Data: []byte(" a")}}},
		"no colon":             {"data\n\n", []Event{{Data: []byte{}}}},
		"all fields":           {"event: x\nid: 7\nretry: 30\ndata: a\n\n", []Event{{Name: "x", ID: "7", Retry: 30 * time.Millisecond, Data: []byte("a")}}},
		"a retry that is none": {"retry: soon\ndata: a\n\n", []Event{{Data: []byte("a")}}},
		"NUL in the id":        {"id: a\x00b\ndata: a\n\n", []Event{{Data: []byte("a")}}},
		"comments only":        {": a\n\n: b\n\n", nil},
		"line ends":            {"data: a\r\rdata: b\r\n\r\ndata: c\n\n", []Event{{Data: []byte("a")}, {Data: []byte("b")}, {Data: []byte("c")}}},
		"a mark at the start":  {bom + "data: a\n\n" + bom + "data: b\n\n", []Event{{Data: []byte("a")}}},
		"an end that is torn":  {"data: a\n\ndata: b\n", []Event{{Data: []byte("a")}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tc.in), iotest.OneByteReader(strings.NewReader(tc.in))} {
				got, err := events(r)
				if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
					t.Errorf("%v (-want +got)\n%s", err, diff)
				}
			}
		})
	}
}

type endless string

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], e)
	}
	return n, nil
}

func TestEventsBounds(t *testing.T) {
	for name, in := range map[string]io.Reader{
		"a line without end":  endless("data: x"),
		"an event of a flood": endless("data: x\n"),
		"a comment for ever":  io.MultiReader(strings.NewReader(": "), endless("x")),
	} {
		limit := &io.LimitedReader{R: in, N: 10 * maxEvent}
		if _, err := events(limit); err == nil || limit.N == 0 {
			t.Errorf("%s: %v, %d bytes left", name, err, limit.N)
		}
	}
}

// Lines end alike whatever ends them, and pieces make no difference.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "id: 1\ndata:\n\nevent: message\ndata: {}\n\n", ": c\r\rretry: 5\r\ndata: x\r\n\r\n", bom + "data"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, err := events(bytes.NewReader(data))
		got, err2 := events(iotest.OneByteReader(bytes.NewReader(data)))
		if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, err2) {
			t.Errorf("in pieces: %v, %v (-whole +pieces)\n%s", err, err2, diff)
		}
		unix := bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
		if got, _ = events(bytes.NewReader(unix)); !cmp.Equal(want, got) {
			t.Errorf("with other line ends: %s", cmp.Diff(want, got))
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	for _, s := range []string{
		result("1"), `{"jsonrpc":"2.0","id":"a","method":"ping"}`, `{"error":{"code":-32000,"message":"x","data":{"supported":["2025-11-25"]}},"id":null}`,
		bom + "{}", "<html>", "[]", `{"id":1,"id":2}`, `{"id":1e400}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMessage(data)
		if err != nil {
			if bad := new(MalformedError); !errors.As(err, &bad) || m != nil {
				t.Errorf("error %T %v", err, err)
			}
			return
		}
		if m.Error != nil {
			_ = supported(m.Error.Data)
		}
		_, _ = discovered(m.Result)
		if !m.isRequest() {
			return
		}
		reply, err := encode(m.response())
		if err != nil {
			t.Fatalf("the answer to %s cannot be sent: %v", data, err)
		}
		if !utf8.Valid(data) {
			return
		}
		back, err := parseMessage(reply)
		if err != nil || back.Method != "" {
			t.Errorf("the answer %s is none: %v", reply, err)
		}
	})
}
