package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// deviation is something that departs from the protocol and can be understood all
// the same.
type deviation struct {
	text     string
	rejected rejection
}

// rejection says who rejects a deviation.
type rejection int

const (
	byNobody rejection = iota
	bySDK              // clients on the official TypeScript SDK
	byHosts            // as the text of the deviation says
)

func (d deviation) String() string {
	if d.rejected == bySDK {
		return d.text + "; clients on the TypeScript SDK reject this"
	}
	return d.text
}

// MalformedError is an answer that breaks the protocol.
type MalformedError struct{ What string }

func (e *MalformedError) Error() string { return "malformed answer: " + e.What }

func malformed(format string, args ...any) error {
	return &MalformedError{What: fmt.Sprintf(format, args...)}
}

// unmarshal reads JSON that a server sent, with names compared exactly. It is as
// lenient as the official clients: of duplicate members the last counts, and bytes
// that are not valid UTF-8, and lone surrogates, are replaced. It returns those as a
// deviation.
func unmarshal(data []byte, v any) ([]deviation, error) {
	strict := jsonv2.Unmarshal(data, v)
	if strict == nil {
		return nil, nil
	}
	if err := jsonv2.Unmarshal(data, v, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, malformed("%s", explain(data, err))
	}
	if errors.Is(strict, jsontext.ErrDuplicateName) {
		return []deviation{{text: "an object in an answer has the same member twice"}}, nil
	}
	return []deviation{{text: "an answer has text that is not valid Unicode"}}, nil
}

// maxQuote limits the bytes of a server that an error quotes.
const maxQuote = 60

// explain describes why data could not be read.
func explain(data []byte, err error) string {
	var kind *jsonv2.SemanticError
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &kind):
		where := "it"
		if kind.JSONPointer != "" {
			where = fmt.Sprintf("member %.80q", string(kind.JSONPointer))
		}
		at := min(max(kind.ByteOffset, 0), int64(len(data)))
		return fmt.Sprintf("%s is %s: %s", where, kindName(kind.JSONKind), quote(bytes.TrimLeft(data[at:], " \t\r\n:,")))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the JSON ends early"
	case errors.As(err, &syntax) && syntax.ByteOffset == 0:
		return fmt.Sprintf("it is not JSON, it begins with %s", quote(data))
	case errors.As(err, &syntax):
		at := min(max(syntax.ByteOffset, 0), int64(len(data)))
		return fmt.Sprintf("it is not valid JSON at byte %d (%v): %s", at, syntax.Err, quote(data[at:]))
	}
	return err.Error()
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "of an unexpected kind"
}

// quote returns the beginning of data for an error.
func quote(data []byte) string {
	if isUTF16(data) {
		return "text in UTF-16"
	}
	if len(data) > maxQuote {
		return fmt.Sprintf("%q…", data[:maxQuote])
	}
	return fmt.Sprintf("%q", data)
}

// isUTF16 reports whether data begins with the mark of UTF-16 or with two letters in it.
func isUTF16(data []byte) bool {
	const unit = 2
	if len(data) < 2*unit {
		return false
	}
	marked := data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff
	little := data[0] != 0 && data[1] == 0 && data[2] != 0 && data[3] == 0
	big := data[0] == 0 && data[1] != 0 && data[2] == 0 && data[3] != 0
	return marked || little || big
}

// encode writes JSON without the escapes that are meant for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
