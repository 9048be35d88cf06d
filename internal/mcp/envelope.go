package mcp

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-faster/jx"
)

// envelope is the part of a message that tells answers, requests, success and errors
// apart: raw values, nil where a member is missing.
type envelope struct {
	version, id, method, result, err jx.Raw
	isError, resultType              jx.Raw // of the result
	other                            string // a member that JSON-RPC does not know
}

// errNotPlain ends the reading of an envelope.
var errNotPlain = errors.New("a member is there twice")

// openEnvelope reads the envelope of a message, and checks that data is one object
// of valid JSON. It reports false for whatever the full parser has to decide.
func openEnvelope(data []byte) (e envelope, ok bool) {
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(data)
	if d.ObjBytes(e.member) != nil || !errors.Is(d.Skip(), io.EOF) { // nothing may follow
		return e, false
	}
	if e.result == nil {
		return e, true
	}
	if e.result.Type() != jx.Object || !mayDecide(e.result) {
		return e, e.result.Type() == jx.Object
	}
	d.ResetBytes(e.result)
	return e, d.ObjBytes(e.resultMember) == nil
}

// mayDecide reports whether a result may have members that decide about success. Most
// have none, which needs no second pass: a name could hide in an escape only.
func mayDecide(result []byte) bool {
	return bytes.Contains(result, []byte("isError")) || bytes.Contains(result, []byte("resultType")) || bytes.Contains(result, []byte(`\u`))
}

func (e *envelope) member(d *jx.Decoder, name []byte) error {
	switch string(name) {
	case "jsonrpc":
		return keep(d, &e.version)
	case "id":
		return keep(d, &e.id)
	case "method":
		return keep(d, &e.method)
	case "error":
		return keep(d, &e.err)
	case "result":
		return keep(d, &e.result)
	case "params":
	default:
		if e.other == "" {
			e.other = string(name)
		}
	}
	return d.Skip()
}

// deviations returns the parts of an answer that clients on the SDK reject.
func (e *envelope) deviations() []deviation {
	switch {
	case e.other != "":
		return []deviation{{fmt.Sprintf("answers have the member %.40q, which JSON-RPC does not know", e.other), bySDK}}
	case e.result != nil && e.err != nil:
		return []deviation{{`answers have both "result" and "error"`, bySDK}}
	}
	return nil
}

func (e *envelope) resultMember(d *jx.Decoder, name []byte) error {
	switch string(name) {
	case "isError":
		return keep(d, &e.isError)
	case "resultType":
		return keep(d, &e.resultType)
	}
	return d.Skip()
}

// keep stores a member that is there for the first time.
func keep(d *jx.Decoder, field *jx.Raw) (err error) {
	if *field != nil {
		return errNotPlain
	}
	*field, err = d.Raw()
	return err
}

// answersExactly reports whether the message is the response to the request id.
func (e *envelope) answersExactly(id int64) bool { return e.method == nil && isExactly(e.id, id) }

// succeeded reports whether the message is a response that says success.
func (e *envelope) succeeded() bool {
	return len(e.result) > 0 && e.err == nil && e.method == nil && e.other == "" && string(e.version) == `"2.0"` &&
		(e.isError == nil || string(e.isError) == "false") &&
		(e.resultType == nil || string(e.resultType) == `"complete"`)
}
