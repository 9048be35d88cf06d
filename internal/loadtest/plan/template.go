package plan

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/mcp/arguments"
)

// Template is a JSON value in whose strings some parts are generated for each call.
// The zero value is no template.
type Template struct {
	Parts []Part
}

// Part is a fixed piece of JSON, or an action.
type Part struct {
	Fixed  []byte
	Action *Action
}

// Vars are the inputs of a template. Each user has its own.
type Vars struct {
	User  int   // from 0
	Users int   // largest number of users of the plan
	Iter  int64 // number of the user's call, from 0
	Rand  *rand.Rand
}

// Verb names the kind of value that an action generates.
type Verb string

// Verbs.
const (
	VerbText Verb = "text" // a literal string, such as {{"{{"}}
	VerbIter Verb = "iter"
	VerbUser Verb = "user"
	VerbUUID Verb = "uuid"
	VerbPick Verb = "pick"
	VerbInt  Verb = "int"
	VerbNow  Verb = "now"
	VerbFeed Verb = "feed"
	VerbJSON Verb = "json" // one of several whole values made from a schema; not written by users
)

// Action generates a piece of a template.
type Action struct {
	Verb      Verb
	Number    bool // a JSON number instead of a piece of a string
	Words     []string
	Low, High int64
	Feed      *Feed
	Column    int
}

// Fixed returns a template of constant JSON.
func Fixed(data []byte) Template {
	return Template{Parts: []Part{{Fixed: data}}}
}

// oneOf returns a template that yields one of the JSON values each time.
func oneOf(values []string) Template {
	if len(values) == 1 {
		return Fixed([]byte(values[0]))
	}
	return Template{Parts: []Part{{Action: &Action{Verb: VerbJSON, Words: values}}}}
}

// takesSome reports whether a template of oneOf has any member.
func (t *Template) takesSome() bool {
	return len(t.Parts) != 1 || string(t.Parts[0].Fixed) != "{}"
}

// IsZero reports whether there is no template.
func (t *Template) IsZero() bool { return len(t.Parts) == 0 }

// Constant reports whether every call gets the same value.
func (t *Template) Constant() bool {
	for _, p := range t.Parts {
		if p.Action != nil {
			return false
		}
	}
	return true
}

// JSON returns the value for one call.
func (t *Template) JSON(v *Vars) jsontext.Value {
	var dst []byte
	for i := range t.Parts {
		if a := t.Parts[i].Action; a != nil {
			dst = a.append(dst, v)
		} else {
			dst = append(dst, t.Parts[i].Fixed...)
		}
	}
	return dst
}

// append appends the generated text, escaped as a piece of a JSON string, or a number.
func (a *Action) append(dst []byte, v *Vars) []byte {
	switch a.Verb {
	case VerbIter:
		return strconv.AppendInt(dst, v.Iter, 10)
	case VerbUser:
		return strconv.AppendInt(dst, int64(v.User), 10)
	case VerbInt:
		return strconv.AppendInt(dst, a.Low+v.Rand.Int64N(a.High-a.Low+1), 10)
	case VerbUUID:
		return arguments.AppendUUID(dst, v.Rand)
	case VerbNow:
		return time.Now().UTC().AppendFormat(dst, time.RFC3339Nano)
	case VerbJSON:
		return append(dst, a.Words[v.Rand.IntN(len(a.Words))]...)
	case VerbPick:
		return a.appendText(dst, a.Words[v.Rand.IntN(len(a.Words))])
	case VerbFeed:
		return a.appendText(dst, a.Feed.value(v, a.Column))
	case VerbText:
	}
	return a.appendText(dst, a.Words[0])
}

func (a *Action) appendText(dst []byte, text string) []byte {
	switch {
	case !a.Number:
		return appendEscaped(dst, text)
	case json.Valid([]byte(text)):
		return append(dst, text...)
	}
	return append(dst, "null"...)
}

// appendEscaped appends text as a piece of a JSON string. Invalid UTF-8 becomes U+FFFD.
func appendEscaped(dst []byte, text string) []byte {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		quoted, _ = json.Marshal(text)
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}
