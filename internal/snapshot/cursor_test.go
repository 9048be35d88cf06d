package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFlatEnd(t *testing.T) {
	for text, want := range map[string]string{
		`[{"id":"s1","ageMs":1.5},{"id":"s2"}],"poll":{}}`: `[{"id":"s1","ageMs":1.5},{"id":"s2"}]`,
		`{"idleMs":600,"sessions":[]},"x":1`:               `{"idleMs":600,"sessions":[]}`,
		`[],1`:                                             `[]`,
		`["}","{"]`:                                        `["}","{"]`,
		`["]"]`:                                            ``,
		`["[",1]`:                                          ``,
		`["}"]`:                                            ``,
		`["a\"]","b\"]"]`:                                  ``,
		`[[1],2]`:                                          ``,
		`{"a":{}}`:                                         ``,
		`[{"id":"s1","ageMs":1`:                            ``,
		`{"a":"b`:                                          ``,
		`"[]"`:                                             ``,
		`1`:                                                ``,
		``:                                                 ``,
	} {
		if got := text[:flatEnd([]byte(text))]; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// readTrace reads one document as a Reader does, after others that it has calls from.
func readTrace(d *decoder, data []byte) (*Snapshot, error) {
	s, more, err := d.decode(bytes.TrimRight(trimStart(data), space))
	if err == nil && more {
		err = errors.New("unexpected data")
	}
	return s, err
}

// agree checks that a Reader reads of data what Decode reads, and that what it takes beside
// that is JSON but for the content of flat values.
func agree(t *testing.T, d *decoder, data []byte) {
	t.Helper()
	want, wantErr := Decode(data)
	got, err := readTrace(d, data)
	switch {
	case wantErr == nil && err != nil:
		t.Fatalf("%s: a Reader refuses it: %v", data, err)
	case wantErr == nil:
		if diff := cmp.Diff(want, got, ignoreRaw, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s (-Decode +Reader)\n%s", data, diff)
		}
	case err == nil:
		doc := emptied(trimStart(data))
		if !jsontext.Value(doc).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
			t.Fatalf("%s: a Reader takes %s", data, doc)
		}
	}
}

// emptied returns data with nothing in its flat values. In a string of JSON this changes the
// string alone.
func emptied(data []byte) []byte {
	var out []byte
	for len(data) > 0 {
		n := flatEnd(data)
		if n > 0 {
			out = append(out, data[0], data[0]+2)
		} else {
			out, n = append(out, data[0]), 1
		}
		data = data[n:]
	}
	return out
}

// A Reader reads each document as Decode does, also calls that the document before had.
func TestReaderAgreesWithDecode(t *testing.T) {
	call := func(id string, ms any) string {
		return fmt.Sprintf(`{"id":"%s","name":"plan","durationMs":%v,"sessionId":"s","startedAt":1763700000000}`, id, ms)
	}
	d := newDecoder(manyStrings)
	d.trace = true
	for _, calls := range [][]string{
		{call("a", 1.5), call("b", 2), call("c", 3)},
		{call("b", 12.25), call("c", 13), call("d", 0)},                 // one ended, another began
		{call("e", 1), call("b", 22), call("c", 23), call("d", 10)},     // the newest is the first
		{call("d", 20), call("c", 33), call("b", 32)},                   // in another order
		{call("d", "-3"), call("c", "1e3"), call("b", `"5"`)},           // other numbers
		{call("d", "030"), call("c", 43), call("b", "1e999")},           // and no numbers
		{call("d", "50 "), call("c", "true"), call("b", 52)},            // white space
		{call("d", "50."), call("c", 53), call("b", 52)},                //
		{call("b", 9e15), call("b", "9007199254740993"), call("b", 62)}, // too large, the same id
		{},
		{call("b", 72)[:60]},
		{call("b", 82) + `,"sessions":[{"a":"[`},
	} {
		for _, rest := range []string{`,"heapUsedMB":1,"sessions":[{"id":"s","ageMs":1}],"proxy":{"pid":4}}`, `,"sessions":[{"id":"s",]}`, `}x`} {
			agree(t, d, []byte(`{"toolCallStack":[`+strings.Join(calls, ",")+`]`+rest))
		}
	}
}
