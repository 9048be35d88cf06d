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
		if got, _ := checkSchema([]byte(schema)); got != want {
			t.Errorf("%s: %q, want %q", schema, got, want)
		}
	}
}
