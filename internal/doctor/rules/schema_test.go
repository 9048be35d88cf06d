package rules

import (
	"testing"
)

func TestSchemas(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type":"object"}`: "",
		`[]`:                "the schema is not an object",
		`{"type":"array"}`:  `the type of the root is "array", not "object"`,
		`{"type":"object","properties":{"a":{"type":"strng"}}}`:                                                        `unknown type "strng"`,
		`{"type":"object","properties":{"a":{"type":["string","null"]}}}`:                                              "",
		`{"type":"object","properties":[]}`:                                                                            "properties is not an object",
		`{"type":"object","required":"a"}`:                                                                             "required is not a list of names",
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"$ref":"#/$defs/x","type":"string"}}}`: "",
		`{"type":"object","properties":{"a":{"items":"string"}}}`:                                                      `"string" is not a schema`,
	} {
		if got, _ := checkSchema([]byte(schema), false); got != want {
			t.Errorf("%s: %q, want %q", schema, got, want)
		}
	}
	for schema, want := range map[string]string{
		`{"type":"array","items":{"$ref":"#/$defs/a"},"$defs":{"a":{}}}`: "",
		`true`: "",
		`[]`:   "the schema is not an object",
		`{"type":"array","items":{"$ref":"#/$defs/a"}}`: "the reference #/$defs/a leads nowhere",
	} {
		if got, _ := checkSchema([]byte(schema), true); got != want {
			t.Errorf("%s: %q, want %q", schema, got, want)
		}
	}
}

// TestReferences follows references as validators of JSON Schema do: into arrays, with escapes,
// and relative to the nearest $id.
func TestReferences(t *testing.T) {
	t.Parallel()
	for rest, want := range map[string][2]string{
		`"properties":{"a":{"anyOf":[{"type":"string"},{"type":"object"}]},"b":{"$ref":"#/properties/a/anyOf/1"}}`: {},
		`"properties":{"a":{"anyOf":[{"type":"string"}]},"b":{"$ref":"#/properties/a/anyOf/1"}}`:                   {"the reference #/properties/a/anyOf/1 leads nowhere"},
		`"$defs":{"Page<string>":{}},"properties":{"a":{"$ref":"#/$defs/Page%3Cstring%3E"}}`:                       {},
		`"$defs":{"a/b":{}},"properties":{"a":{"$ref":"#/$defs/a~1b"}}`:                                            {},
		`"$defs":{"n":{"$id":"node","$defs":{"v":{}},"properties":{"v":{"$ref":"#/$defs/v"}}}}`:                    {},
		`"$id":"https://a.example/s","$defs":{"v":{}},"properties":{"v":{"$ref":"https://a.example/s#/$defs/v"}}`:  {},
		`"properties":{"v":{"$ref":"https://a.example/s"}}`:                                                        {"", "the reference https://a.example/s leads out of the schema"},
		`"properties":{"v":{"$ref":"#/$defs/v"}}`:                                                                  {"the reference #/$defs/v leads nowhere"},
	} {
		problem, doubt := checkSchema([]byte(`{"type":"object",`+rest+`}`), false)
		if got := [2]string{problem, doubt}; got != want {
			t.Errorf("%s: %q, want %q", rest, got, want)
		}
	}
}
