package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// draft is the version of JSON Schema that the schemas are written in.
const draft = "https://json-schema.org/draft/2020-12/schema"

// special are the types that marshal to something other than their fields.
var special = map[reflect.Type]*jsonschema.Schema{
	reflect.TypeFor[snapshot.Time]():   {Type: "integer", Description: "milliseconds since 1970"},
	reflect.TypeFor[json.RawMessage](): {Description: "any JSON"},
	reflect.TypeFor[any]():             {Description: "any JSON"}, // an empty schema would be true, which clients reject as a property
	reflect.TypeFor[time.Duration]():   {Type: "integer", Description: "nanoseconds"},
}

// Infer returns the schema of the JSON that a value of type t marshals to.
func Infer(t reflect.Type) (*jsonschema.Schema, error) {
	return jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: special})
}

// Schema returns the schema of the document of c.
func (c *Command) Schema() (*jsonschema.Schema, error) {
	s, err := Infer(c.Type)
	if err != nil {
		return nil, fmt.Errorf("the schema of %s: %w", c.Name, err)
	}
	s.Schema, s.Title, s.Description = draft, "mcpdiag "+c.Name, c.About
	return s, nil
}
