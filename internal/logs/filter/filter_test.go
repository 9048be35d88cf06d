package filter

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// An error in a condition names its place.
func TestErrors(t *testing.T) {
	for condition, want := range map[string]string{
		`tool = "search"`: `column 6, at "=": an assignment; compare with ==`, `levl > warn`: `column 1, at "levl": no field "levl" (did you mean level?)`,
		`level > wran`: `column 9, at "wran": no level "wran" (did you mean warn?)`, `level`: `column 1, at "level": it is a value`, `duration >`: `at the end: something is missing`,
		`not (tool == "a"`: `at the end: something is missing`, `message == "x`: `column 12, at "\"x": the text that begins here has no closing quote`, `status >= 500ms`: `column 8, at ">=": >= does not compare a number with a duration`,
		`duration > 5`: `column 10, at ">": > does not compare a duration such as 1s with a number`, `message == "ä" and tool == nope`: `column 28, at "nope": no field`, `message =~ "["`: `column 9, at "=~": error parsing regexp`,
		`tool == "a" )`: `column 13, at ")": unexpected here`, `time > date("yesterday")`: `column 13, at "\"yesterday\")": no time`, ` `: "the condition is empty", `.a ==`: "at the end", `..a == 1`: "column 1",
	} {
		if _, err := Parse(condition); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", condition, err, want)
		}
	}
}

// No condition ends the program.
func FuzzParse(f *testing.F) {
	f.Add(`level >= warn and tool in ("a", 'b') and not .a["b"].c > 1s500ms or message !~ "x"`)
	f.Fuzz(func(_ *testing.T, condition string) {
		if c, err := Parse(condition); err == nil {
			c.Match(&input.Entry{Record: &logline.Record{Inner: []byte(`{"a":{"b":1}}`)}, Source: &input.Source{}})
		}
	})
}
