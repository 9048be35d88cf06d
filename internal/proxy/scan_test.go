package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-faster/jx"
	"github.com/google/go-cmp/cmp"
)

// found returns the members that the scanner found in a message, on one line.
func found(m *message) string {
	return fmt.Sprintf("id=%s method=%s name=%s cancels=%s trace=%s result=%t isError=%s error=%t code=%s",
		m.id, m.method, m.name, m.canceled, m.trace, m.result, m.isError, m.fault, m.code)
}

// scan scans doc in pieces of a size.
func scan(doc string, size int) []string {
	var seen []string
	s := scanner{emit: func(m *message) { seen = append(seen, found(m)) }}
	for ; len(doc) > size; doc = doc[size:] {
		s.Write([]byte(doc[:size]))
	}
	s.Write([]byte(doc))
	return seen
}

const nothing = "id= method= name= cancels= trace= result=false isError= error=false code="

func TestScanner(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, doc string
		want      []string
	}{
		{"call", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search","arguments":{"id":9,"name":"no"}}}`,
			[]string{`id=7 method="tools/call" name="search" cancels= trace= result=false isError= error=false code=`}},
		{"any order and white space", "\n { \"params\" :\t{ \"arguments\":[1,{\"name\":\"no\"},\"]\"] , \"name\" : \"a b\" } , \"method\":\"tools/call\"\r\n,\"id\" : \"x\" } ",
			[]string{`id="x" method="tools/call" name="a b" cancels= trace= result=false isError= error=false code=`}},
		{"result", `{"id":1,"result":{"content":[{"type":"text","text":"\"isError\":true}"}],"isError":true}}`,
			[]string{`id=1 method= name= cancels= trace= result=true isError=true error=false code=`}},
		{"isError deeper is not it", `{"id":1,"result":{"structuredContent":{"isError":true},"isError":false}}`,
			[]string{`id=1 method= name= cancels= trace= result=true isError=false error=false code=`}},
		{"error", `{"error":{"data":{"code":1},"code":-32602,"message":"no"},"id":null}`,
			[]string{`id=null method= name= cancels= trace= result=false isError= error=true code=-32602`}},
		{"cancel", `{"method":"notifications/cancelled","params":{"requestId":"12","reason":"x"}}`,
			[]string{`id= method="notifications/cancelled" name= cancels="12" trace= result=false isError= error=false code=`}},
		{"trace", `{"id":1,"method":"tools/call","params":{"_meta":{"traceparent":"00-a-b-01","name":"no"},"name":"t"}}`,
			[]string{`id=1 method="tools/call" name="t" cancels= trace="00-a-b-01" result=false isError= error=false code=`}},
		{"batch", `[{"id":1,"method":"ping"},[{"id":5}],{"id":2,"params":{"name":"x"}}]`, []string{
			`id=1 method="ping" name= cancels= trace= result=false isError= error=false code=`,
			`id=2 method= name="x" cancels= trace= result=false isError= error=false code=`}},
		{"one after the other", `{"id":1}{"id":2}`, []string{strings.Replace(nothing, "id=", "id=1", 1), strings.Replace(nothing, "id=", "id=2", 1)}},
		{"of equal keys the last", `{"id":1,"id":2,"method":"a","method":"b"}`, []string{strings.NewReplacer("id=", "id=2", "method=", `method="b"`).Replace(nothing)}},
		{"escapes", `{"a\\\"b":"\\","id":"\"\\","method":"\\\\\"","x":"\""}`, []string{`id="\"\\" method="\\\\\"" name= cancels= trace= result=false isError= error=false code=`}},
		{"containers for values", `{"id":{"id":3},"method":["x"],"params":{"name":{"name":"y"}}}`, []string{nothing}},
		{"not finished", `{"id":1,"method":"x"`, nil},
		{"no JSON", `<html>"}]{`, nil},
		{"deep", `{"id":1,"x":` + strings.Repeat(`[{"id":`, 5000) + `2` + strings.Repeat(`}]`, 5000) + `}`, []string{strings.Replace(nothing, "id=", "id=1", 1)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for size := 1; size <= len(tt.doc); size = 2*size + 1 {
				if diff := cmp.Diff(tt.want, scan(tt.doc, size)); diff != "" {
					t.Errorf("in pieces of %d (-want +got):\n%s", size, diff)
				}
			}
		})
	}
}

// TestScannerKeepsLittle: a name of a megabyte is cut, and its end found.
func TestScannerKeepsLittle(t *testing.T) {
	t.Parallel()
	var m message
	s := scanner{emit: func(got *message) { m = *got }}
	s.Write([]byte(`{"params":{"name":"` + strings.Repeat(`é\"`, 1<<18) + `"},"id":4}`))
	if len(m.name) != maxValue || string(m.id) != "4" {
		t.Errorf("kept %d bytes of the name, id %s", len(m.name), m.id)
	}
}

// FuzzScanner: however the bytes are cut the scanner sees the same, and of
// valid JSON what encoding/json sees.
func FuzzScanner(f *testing.F) {
	f.Add([]byte(`{"id":1,"method":"a\"b","params":{"name":"x\\"}}`), 3)
	f.Add([]byte(`[{"id":"1"},{"result":{"isError":true}}]`), 1)
	f.Add([]byte("{\"id\":\"\x80\\u00e9\",}"), 2)
	f.Fuzz(func(t *testing.T, doc []byte, size int) {
		if size < 1 || len(doc) == 0 {
			return
		}
		all := scan(string(doc), len(doc))
		if diff := cmp.Diff(all, scan(string(doc), size)); diff != "" {
			t.Fatalf("pieces of %d:\n%s", size, diff)
		}
		var want struct {
			ID json.RawMessage `json:"id"`
		}
		keys := map[string]json.RawMessage{}
		if !json.Valid(doc) || bytes.IndexByte(doc, '\\') >= 0 || json.Unmarshal(doc, &keys) != nil {
			return
		}
		want.ID = keys["id"]
		if len(want.ID) > 0 && want.ID[0] != '{' && want.ID[0] != '[' && len(want.ID) < maxValue {
			if len(all) != 1 || !strings.HasPrefix(all[0], "id="+string(want.ID)+" ") {
				t.Fatalf("saw %q, want the id %s", all, want.ID)
			}
		}
	})
}

func TestEvents(t *testing.T) {
	t.Parallel()
	const stream = ": ok\n\nevent: endpoint\ndata: /messages?sessionId=1\n\n" +
		"id: 1\ndata:\n\n" + "data: {\"id\":1,\r\ndata:\"method\":\"a\"}\r\n\r\n" +
		"event: message\rdata: {\"id\":2}\rid: x\r\r" + "data: {\"id\":3\n\n" + "data: {\"id\":4}\n\n" + "data: {\"id\":5}"
	for size := 1; size <= len(stream); size++ {
		var got []string
		s := scanner{emit: func(m *message) { got = append(got, string(m.id)+string(m.method)) }}
		e := eventScanner{scan: &s, endpoint: func(uri []byte) { got = append(got, string(uri)) }}
		for rest := stream; rest != ""; {
			n := min(size, len(rest))
			e.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if diff := cmp.Diff([]string{"/messages?sessionId=1", `1"a"`, "2", "4", "5"}, got); diff != "" || !e.numbered {
			t.Fatalf("in pieces of %d (-want +got):\n%s", size, diff)
		}
	}
}

// FuzzEvents: however the bytes are cut the events are the same.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: {\"id\":1}\r\n\r\n:x\n\ndata:/x\n\n"), 1)
	f.Fuzz(func(t *testing.T, doc []byte, size int) {
		if size < 1 {
			return
		}
		see := func(size int) (got []string) {
			s := scanner{emit: func(m *message) { got = append(got, found(m)) }}
			e := eventScanner{scan: &s, endpoint: func(uri []byte) { got = append(got, string(uri)) }}
			rest := doc
			for ; len(rest) > size; rest = rest[size:] {
				e.Write(rest[:size])
			}
			e.Write(rest)
			return got
		}
		if diff := cmp.Diff(see(max(len(doc), 1)), see(size)); diff != "" {
			t.Fatalf("pieces of %d:\n%s", size, diff)
		}
	})
}

// envelope has the members that the scanner finds, for encoding/json.
type envelope struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name string `json:"name"`
	} `json:"params"`
	Result *struct {
		IsError bool `json:"isError"`
	} `json:"result"`
	Error *struct {
		Code json.RawMessage `json:"code"`
	} `json:"error"`
}

// BenchmarkScanner compares the scanner with decoding the whole message, which
// must be buffered first.
func BenchmarkScanner(b *testing.B) {
	for _, bench := range []struct{ name, doc string }{
		{"call", `{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}`},
		{"64KB", `{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"` + strings.Repeat(`some text\n`, 6400) + `"}]}}`},
	} {
		s := scanner{emit: func(*message) {}}
		for by, read := range map[string]func([]byte){
			"scanner": s.Write,
			"json":    func(doc []byte) { _ = json.Unmarshal(doc, new(envelope)) },
			"jx":      readJX,
		} {
			b.Run("msg="+bench.name+"/by="+by, func(b *testing.B) {
				doc := []byte(bench.doc)
				b.ReportAllocs()
				b.SetBytes(int64(len(doc)))
				for b.Loop() {
					read(doc)
				}
			})
		}
	}
}

// readJX reads the same members with jx.
func readJX(doc []byte) {
	var m envelope
	inner := func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "name":
			name, err := d.Str()
			m.Params.Name = name
			return err
		case "isError":
			_, err := d.Bool()
			return err
		}
		return d.Skip()
	}
	_ = jx.DecodeBytes(doc).ObjBytes(func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "id":
			raw, err := d.Raw()
			m.ID = json.RawMessage(raw)
			return err
		case "method":
			method, err := d.Str()
			m.Method = method
			return err
		case "params", "result", "error":
			return d.ObjBytes(inner)
		}
		return d.Skip()
	})
}
