package plan

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/mcp/arguments"
)

// Template is a JSON value, some of whose strings are made anew for each call.
// The zero value is none.
type Template struct {
	Parts []Part
}

// part is a piece of JSON: fixed, or one action in a string.
type Part struct {
	Fixed  []byte
	Action *action
}

// Vars are what a template is filled with. A user has its own.
type Vars struct {
	User  int   // from 0
	Users int   // of the plan, at most; rows of feeds are dealt out among them
	Iter  int64 // which call of the user this is, from 0
	Rand  *rand.Rand
}

// IsZero reports whether there is no template.
func (t *Template) IsZero() bool { return len(t.Parts) == 0 }

// Constant reports whether the template is the same for each call.
func (t *Template) Constant() bool {
	for _, p := range t.Parts {
		if p.Action != nil {
			return false
		}
	}
	return true
}

// Append appends the JSON for one call to dst.
func (t *Template) Append(dst []byte, v *Vars) []byte {
	for i := range t.Parts {
		if a := t.Parts[i].Action; a != nil {
			dst = a.append(dst, v)
		} else {
			dst = append(dst, t.Parts[i].Fixed...)
		}
	}
	return dst
}

// JSON is the value for one call.
func (t *Template) JSON(v *Vars) jsontext.Value { return t.Append(nil, v) }

// verb is what an action does.
type Verb string

const (
	verbText Verb = "text" // a string that stands there, such as {{"{{"}}
	verbIter Verb = "iter"
	verbUser Verb = "user"
	verbUUID Verb = "uuid"
	verbPick Verb = "pick"
	verbInt  Verb = "int"
	verbNow  Verb = "now"
	verbFeed Verb = "feed"
	verbJSON Verb = "json" // one of several whole values; made from a schema, not written
)

// action is what stands between {{ and }}.
type action struct {
	Verb      Verb
	Number    bool // a JSON number instead of a string's content
	Words     []string
	Low, High int64
	Feed      *Feed
	Column    int
}

// append appends what the action gives: escaped, as a piece of a JSON string,
// or as a number.
func (a *action) append(dst []byte, v *Vars) []byte {
	switch a.Verb {
	case verbIter:
		return strconv.AppendInt(dst, v.Iter, 10)
	case verbUser:
		return strconv.AppendInt(dst, int64(v.User), 10)
	case verbInt:
		return strconv.AppendInt(dst, a.Low+v.Rand.Int64N(a.High-a.Low+1), 10)
	case verbUUID:
		return arguments.AppendUUID(dst, v.Rand)
	case verbNow:
		return time.Now().UTC().AppendFormat(dst, time.RFC3339Nano)
	case verbJSON:
		return append(dst, a.Words[v.Rand.IntN(len(a.Words))]...)
	case verbPick:
		return a.appendText(dst, a.Words[v.Rand.IntN(len(a.Words))])
	case verbFeed:
		return a.appendText(dst, a.Feed.value(v, a.Column))
	case verbText:
	}
	return a.appendText(dst, a.Words[0])
}

func (a *action) appendText(dst []byte, text string) []byte {
	if a.Number {
		if json.Valid([]byte(text)) {
			return append(dst, text...)
		}
		return append(dst, "null"...)
	}
	return appendEscaped(dst, text)
}

// appendEscaped appends text as a piece of a JSON string.
func appendEscaped(dst []byte, text string) []byte {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil { // it is not UTF-8; what can be said of it was appended
		quoted, _ = json.Marshal(text)
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}

// Feed is the rows of a CSV file, dealt out to the users one after the other.
type Feed struct {
	Name    string
	Columns []string
	Rows    [][]string
}

// value is the cell for a call: users take rows in turn, without asking each other.
func (f *Feed) value(v *Vars, column int) string {
	row := (v.Iter*int64(max(v.Users, 1)) + int64(v.User)) % int64(len(f.Rows))
	return f.Rows[row][column]
}

func (f *Feed) String() string { return fmt.Sprintf("%s (%d rows)", f.Name, len(f.Rows)) }

// fixedTemplate returns a template of JSON that is the same for each call.
func Fixed(data []byte) Template {
	return Template{Parts: []Part{{Fixed: data}}}
}
