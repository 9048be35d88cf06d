package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Claim is one member of the header or the payload.
type Claim struct {
	Name  string `json:"name"`
	Value string `json:"value"` // masked if it names a person
	Note  string `json:"note,omitempty"`
}

// maxValue is the width of a claim's value in a report.
const maxValue = 100

// personal matches names of claims whose last word says that the value names a person,
// such as emails, preferred_username and https://example.com/givenName.
var personal = regexp.MustCompile(`(?i)(name|mail|phone|phone_?number|birthdate|birthday|address|login|user|user_?id|upn|picture|profile|website|` +
	`(^|[^a-z])(sub|subject|oid|uid|actor))(s|es)?$`)

// listClaims returns the members of object in the order of their names.
func listClaims(prefix string, object map[string]any, now time.Time, show bool) []Claim {
	all := []Claim{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value, shown := object[name], name
		if !show {
			value, shown = masked(value, personal.MatchString(name)), maskAddress(name)
		}
		c := Claim{Name: prefix + report.Cell(shown, maxValue), Value: report.Cell(format(value), maxValue)}
		if n, ok := value.(json.Number); ok && slices.Contains([]string{"exp", "iat", "nbf", "auth_time"}, name) {
			if at, err := n.Float64(); err == nil && at > 0 && at < maxSecond {
				c.Note = moment(int64(at), now)
			}
		}
		all = append(all, c)
	}
	return all
}

func moment(seconds int64, now time.Time) string {
	at := time.Unix(seconds, 0).UTC()
	return at.Format(time.RFC3339) + ", " + relative(now, at)
}

func relative(now, at time.Time) string {
	if at.After(now) {
		return "in " + report.Duration(at.Sub(now))
	}
	return report.Duration(now.Sub(at)) + " ago"
}

// format returns a text as it is and any other value as JSON.
func format(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Sprint(value) // a number that JSON does not have
	}
	return strings.TrimSpace(b.String())
}

// masked returns a copy of value in which texts that name a person are masked: all that
// contain an @, and all texts and numbers below a personal name.
func masked(value any, personalName bool) any {
	switch v := value.(type) {
	case string:
		if personalName {
			return mask(v)
		}
		return maskAddress(v)
	case json.Number:
		if personalName {
			return mask(v.String())
		}
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = masked(item, personalName)
		}
		return items
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, item := range v {
			object[maskAddress(name)] = masked(item, personalName || personal.MatchString(name))
		}
		return object
	}
	return value
}

// maskAddress masks a text that contains an @.
func maskAddress(s string) string {
	if strings.Contains(s, "@") {
		return mask(s)
	}
	return s
}

// mask keeps the first and the last character.
func mask(s string) string {
	r := []rune(s)
	if len(r) < 3 {
		return "***"
	}
	return string(r[:1]) + "***" + string(r[len(r)-1:])
}
