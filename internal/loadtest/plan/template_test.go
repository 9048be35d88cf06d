package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

var queries = &Feed{Name: "queries", Columns: []string{"text", "limit"}, Rows: [][]string{{"leak", "1"}, {"other", "3"}, {`a "quoted" one`, "2"}}}

func TestTemplate(t *testing.T) {
	for _, c := range []struct{ name, template, want string }{
		{"nothing to fill", `{"a": [1, true, null, {"b": "c"}], "d": {}}`, `{"a":[1,true,null,{"b":"c"}],"d":{}}`},
		{"big numbers stay", `{"n": 12345678901234567890.10}`, `{"n":12345678901234567890.10}`},
		{"iter and user", `{"q": "u{{user}} i{{ iter }}"}`, `{"q":"u2 i7"}`},
		{"a number", `{"n": "{{number iter}}", "s": "{{iter}}"}`, `{"n":7,"s":"7"}`},
		{"int", `["{{number int 5 5}}", "{{int -3 -3}}"]`, `[5,"-3"]`},
		{"pick", `["{{pick \"a\\\"b\"}}"]`, `["a\"b"]`},
		{"pick numbers", `["{{number pick 2.50}}"]`, `[2.50]`},
		{"braces", `["{{\"{{\"}}iter}}"]`, `["{{iter}}"]`},
		{"closing braces in a string", `["{{pick \"}}\"}}"]`, `["}}"]`},
		{"feed", `{"q": "{{queries.text}}!", "n": "{{number queries.limit}}"}`, `{"q":"a \"quoted\" one!","n":2}`},
		{"names are no templates", `{"{{iter}}": 1}`, `{"{{iter}}":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl, err := ParseTemplate(jsontext.Value(c.template), []*Feed{queries})
			if err != nil {
				t.Fatal(err)
			}
			// Of three users, the third's eighth call takes row 7*3+2 of the feed, modulo its length.
			got := string(tmpl.JSON(&Vars{User: 2, Users: 3, Iter: 7, Rand: NewRand(1, 1)}))
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTemplateMistakes(t *testing.T) {
	for template, want := range map[string]string{
		`["{{nope}}"]`:                      `{{nope}}: unknown name "nope"; want iter`,
		`["{{iter"]`:                        `unclosed action`,
		`["{{pick \"a}}"]`:                  `unterminated quoted string`,
		`["{{}}"]`:                          `missing value for command`,
		`["{{pick}}"]`:                      `pick needs values`,
		`["{{int 2 1}}"]`:                   `int needs a minimum and a maximum`,
		`["{{iter 2}}"]`:                    `unexpected "2"`,
		`["x{{number iter}}"]`:              `a number must be the whole string`,
		`["{{number pick \"a\"}}"]`:         `"a" is not a number`,
		`["{{number uuid}}"]`:               `uuid is not a number`,
		`["{{words.text}}"]`:                `the plan has no feed "words"`,
		`["{{queries.nope}}"]`:              `feed queries has no column "nope"; it has text, limit`,
		`["{{int 0 9223372036854775807}}"]`: `int needs`,
	} {
		_, err := ParseTemplate(jsontext.Value(template), []*Feed{queries})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", template, err, want)
		}
	}
}

// The rows of a feed are dealt out: no two calls get the same one before all had their turn.
func TestFeedDealsOutItsRows(t *testing.T) {
	feed := &Feed{Name: "f", Columns: []string{"c"}}
	for r := range strings.SplitSeq("abcdefghijkl", "") {
		feed.Rows = append(feed.Rows, []string{r})
	}
	seen := map[string]bool{}
	for user := range 3 {
		for iter := range int64(4) {
			seen[feed.value(&Vars{User: user, Users: 3, Iter: iter}, 0)] = true
		}
	}
	if len(seen) != 12 {
		t.Errorf("12 calls saw %d of 12 rows", len(seen))
	}
}

func TestPickTakesAll(t *testing.T) {
	tmpl, err := ParseTemplate(jsontext.Value(`"{{pick \"a\" \"b\" \"c\"}}"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	vars := Vars{Rand: NewRand(1, 1)}
	n := map[string]int{}
	for range 3000 {
		n[string(tmpl.JSON(&vars))]++
	}
	if len(n) != 3 || n[`"a"`] < 900 || n[`"b"`] < 900 || n[`"c"`] < 900 {
		t.Errorf("3000 picks of three: %v", n)
	}
}

// Whatever a template says, what comes out is JSON, and what was no template is unchanged.
func FuzzTemplate(f *testing.F) {
	f.Add([]byte(`{"q": "u{{user}} {{pick \"a\" \"b\"}} {{queries.text}}", "n": "{{number int 1 5}}"}`))
	f.Add([]byte(`["{{\"{{\"}}", 1e400, "\u2028"]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		tmpl, err := ParseTemplate(text, []*Feed{queries})
		if err != nil {
			return
		}
		made := tmpl.JSON(&Vars{Rand: NewRand(1, 1)})
		if !made.IsValid() {
			t.Fatalf("%s gave %s", text, made)
		}
		var before, after any
		if !strings.Contains(string(text), "{{") && json.Unmarshal(text, &before) == nil && json.Unmarshal(made, &after) == nil {
			a, _ := json.Marshal(before)
			b, _ := json.Marshal(after)
			if string(a) != string(b) {
				t.Fatalf("%s became %s", a, b)
			}
		}
	})
}
