package arguments

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// inputSchemas holds schemas of the kinds that servers made with the SDKs send.
var inputSchemas = map[string]string{
	"nothing":     `{"type": "object"}`,
	"required":    `{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"], "additionalProperties": false}`,
	"enum":        `{"type": "object", "properties": {"unit": {"enum": ["c", "f"]}}, "required": ["unit"]}`,
	"integer":     `{"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 5}}, "required": ["n"]}`,
	"multiple":    `{"type": "object", "properties": {"n": {"type": "integer", "minimum": 101, "multipleOf": 25}}, "required": ["n"]}`,
	"exclusive":   `{"type": "object", "properties": {"n": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 2}}, "required": ["n"]}`,
	"negative":    `{"type": "object", "properties": {"n": {"type": "number", "maximum": -100}}, "required": ["n"]}`,
	"fraction":    `{"type": "object", "properties": {"n": {"type": "number", "minimum": 0, "maximum": 1}}, "required": ["n"]}`,
	"nullable":    `{"type": "object", "properties": {"s": {"type": ["null", "string"]}}, "required": ["s"]}`,
	"anyOf":       `{"type": "object", "properties": {"s": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "required": ["s"]}`,
	"defs":        `{"type": "object", "properties": {"p": {"$ref": "#/$defs/P"}}, "required": ["p"], "$defs": {"P": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}}`,
	"allOf":       `{"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}]}`,
	"array":       `{"type": "object", "properties": {"l": {"type": "array", "minItems": 2, "items": {"type": "integer"}}}, "required": ["l"]}`,
	"length":      `{"type": "object", "properties": {"s": {"type": "string", "minLength": 40}, "t": {"type": "string", "maxLength": 2}}, "required": ["s", "t"]}`,
	"const":       `{"type": "object", "properties": {"kind": {"const": "x"}}, "required": ["kind"]}`,
	"default":     `{"type": "object", "properties": {"n": {"type": "integer", "default": 12345678901234567890}}, "required": ["n"]}`,
	"examples":    `{"type": "object", "properties": {"q": {"type": "string", "examples": ["one", "two"]}}, "required": ["q"]}`,
	"format":      `{"type": "object", "properties": {"d": {"type": "string", "format": "date-time"}}, "required": ["d"]}`,
	"unspecified": `{"properties": {"any": {}}, "required": ["any"]}`,
}

func TestArgumentsFitTheirSchema(t *testing.T) {
	for name, text := range inputSchemas {
		t.Run(name, func(t *testing.T) {
			var s jsonschema.Schema
			if err := json.Unmarshal([]byte(text), &s); err != nil {
				t.Fatal(err)
			}
			resolved, err := s.Resolve(nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, made := range Variants(jsontext.Value(text), newRand(1)) {
				var value any
				if err := json.Unmarshal([]byte(made), &value); err != nil {
					t.Fatalf("%s: %v", made, err)
				}
				if err := resolved.Validate(value); err != nil {
					t.Errorf("%s: %v", made, err)
				}
			}
		})
	}
}

func TestArgumentsComeFromTheSeed(t *testing.T) {
	const text = `{"properties": {"n": {"type": "integer", "minimum": 0, "maximum": 1000000}}, "required": ["n"]}`
	made := func(seed uint64) string {
		return string(Make(jsontext.Value(text), newRand(seed)))
	}
	if a, b := made(7), made(7); a != b {
		t.Errorf("the same seed gave %s and %s", a, b)
	}
	if a, b := made(7), made(8); a == b {
		t.Errorf("seeds 7 and 8 both gave %s", a)
	}
}

// A schema comes from the server: none may occupy the maker for long.
func TestArgumentsOfHostileSchemas(t *testing.T) {
	wide := `{"type": "array", "minItems": 1000000, "items": `
	for name, text := range map[string]string{
		"empty":       ``,
		"not JSON":    `{"type": `,
		"not schema":  `[1, 2]`,
		"boolean":     `true`,
		"a loop":      `{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}`,
		"a tree":      `{"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"l": {"$ref": "#/$defs/a"}, "r": {"$ref": "#/$defs/a"}}, "required": ["l", "r"]}}}`,
		"very wide":   `{"properties": {"a": ` + strings.Repeat(wide, 8) + `{}` + strings.Repeat("}", 8) + `}, "required": ["a"]}`,
		"very long":   `{"properties": {"a": {"type": "string", "minLength": 4000000000}}, "required": ["a"]}`,
		"no range":    `{"properties": {"a": {"type": "integer", "minimum": 9e307, "maximum": -9e307}}, "required": ["a"]}`,
		"whole range": `{"properties": {"a": {"type": "integer", "minimum": -1e308, "maximum": 1e308}}, "required": ["a"]}`,
		"tiny step":   `{"properties": {"a": {"type": "number", "multipleOf": 1e-320}}, "required": ["a"]}`,
	} {
		made := Make(jsontext.Value(text), newRand(1))
		if !made.IsValid() || made.Kind() != '{' {
			t.Errorf("%s: %.80s is no object", name, made)
		}
	}
}

func FuzzArguments(f *testing.F) {
	for _, text := range inputSchemas {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if made := Make(jsontext.Value(text), newRand(1)); !made.IsValid() || made.Kind() != '{' {
			t.Fatal(fmt.Errorf("%s gave %s", text, made))
		}
	})
}

func TestUUIDs(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	r := newRand(1)
	seen := map[string]bool{}
	for range 1000 {
		id := string(AppendUUID(nil, r))
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("%s is not a new UUID of version 4", id)
		}
		seen[id] = true
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
