package yamlfile

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// read reads a file with the keys name (text), count (a number), list and data (JSON).
func read(text string) (name string, count int, list []string, data string, err error) {
	d, err := Parse([]byte(text), "f.yaml")
	if err != nil {
		return
	}
	if d.Root == nil {
		err = errors.New("empty")
		return
	}
	err = d.Fields(d.Root, "", []Field{
		{Key: "name", Set: Value(d, &name, func(s string) (string, error) { return s, nil })},
		{Key: "count", Set: Value(d, &count, strconv.Atoi)},
		{Key: "list", Set: func(n *yaml.Node, path string) error {
			return d.Items(n, path, func(n *yaml.Node, path string) error {
				s, err := d.Scalar(n, path)
				list = append(list, s)
				return err
			})
		}},
		{Key: "data", Set: func(n *yaml.Node, path string) error {
			v, err := d.JSON(n, path)
			data = string(v)
			return err
		}},
	})
	return
}

func TestFields(t *testing.T) {
	t.Parallel()
	name, count, list, data, err := read("count: 3\nname: &n x\nlist: [*n, b]\ndata: {a: [1, 0x10, 1e3, true, ~, \"1\"], \"k\\n\": *n}\n")
	const want = `{"a":[1,16,1e3,true,null,"1"],"k\n":"x"}`
	if err != nil || name != "x" || count != 3 || strings.Join(list, " ") != "x b" || data != want {
		t.Errorf("got %q, %d, %q, %s, %v", name, count, list, data, err)
	}
}

func TestErrorsNameLineAndPath(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"name: x\ncuont: 3":    `f.yaml:2: cuont: unknown key (did you mean "count"?); known are name, count, list, data`,
		"colour: 1":            "f.yaml:1: colour: unknown key; known are",
		"count: many":          `f.yaml:1: count: invalid value "many": must be a whole number`,
		"count: 1\ncount: 2":   "f.yaml:2: count: repeated key",
		"count: [1]":           "f.yaml:1: count: not a plain value",
		"list: x":              "f.yaml:1: list: not a list of entries",
		"list: [a, [b]]":       "f.yaml:1: list[1]: not a plain value",
		"- a":                  "f.yaml:1: not a mapping of names to values",
		"data: {a: {b: .inf}}": `f.yaml:1: data.a.b: JSON cannot represent the number ".inf"`,
		"data: {a: 1, a: 2}":   "f.yaml:1: data.a: repeated key",
		"data: {<<: {a: 1}}":   "f.yaml:1: data.<<: not a plain name",
		"name: {":              "reading f.yaml: line 1",
		"data: " + strings.Repeat("[", 200) + strings.Repeat("]", 200): "nested deeper than 100",
	} {
		if _, _, _, _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got error %v, want %q", text, err, want)
		}
	}
}

// Aliases of aliases count as what they stand for.
func TestAliasBomb(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("data:\n  - &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		p := "*a" + strconv.Itoa(i-1)
		b.WriteString("  - &a" + strconv.Itoa(i) + " [" + strings.Repeat(p+", ", 9) + p + "]\n")
	}
	if _, _, _, _, err := read(b.String()); err == nil || !strings.Contains(err.Error(), "more than 100000 values") && !strings.Contains(err.Error(), "excessive aliasing") {
		t.Errorf("got error %v", err)
	}
}

// Aliases of a long text count as often as they repeat it.
func TestAliasesOfALongText(t *testing.T) {
	t.Parallel()
	text := "data: [&a " + strings.Repeat("x", 1<<20) + strings.Repeat(", *a", 40) + "]\n"
	if _, _, _, _, err := read(text); err == nil || !strings.Contains(err.Error(), "f.yaml:1: data[16]: the values have more than 16 MiB") {
		t.Errorf("got error %.200v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("count: 3\nname: x\nlist: [a]\ndata: {a: [1, 0x10, ~]}\n")
	f.Add("data: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		_, _, _, data, err := read(text)
		if err == nil && data != "" && !json.Valid([]byte(data)) {
			t.Errorf("%q became %q", text, data)
		}
	})
}

// An error of package strconv says what the value must be.
func TestValueErrors(t *testing.T) {
	t.Parallel()
	doc, err := Parse([]byte("key: maybe\n"), "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var on bool
	err = Value(doc, &on, strconv.ParseBool)(doc.Root.Content[1], "key")
	if want := `a.yaml:1: key: invalid value "maybe": must be true or false`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
