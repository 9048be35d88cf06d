package loadtest

import (
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// schema is the part of JSON Schema that tells how a value may look.
type schema struct {
	Type       any                        `json:"type"` // a name, or several
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
	Items      json.RawMessage            `json:"items"`
	Enum       []any                      `json:"enum"`
	Const      any                        `json:"const"`
	Default    any                        `json:"default"`
	Examples   []any                      `json:"examples"`
	AnyOf      []json.RawMessage          `json:"anyOf"`
	OneOf      []json.RawMessage          `json:"oneOf"`
	Minimum    *float64                   `json:"minimum"`
	Maximum    *float64                   `json:"maximum"`
	MinItems   int                        `json:"minItems"`
	MinLength  int                        `json:"minLength"`
	Format     string                     `json:"format"`
}

// Bounds of what a schema, which is the server's, can make us make.
const (
	maxNesting = 8
	maxValues  = 1000 // lists in lists would multiply
)

// maker makes values, up to a number of them.
type maker struct{ left int }

// Arguments makes the arguments of a call from the input schema of its tool: a
// value for each required property, and nothing else. The same schema gives the same arguments.
func Arguments(inputSchema jsontext.Value) jsontext.Value {
	m := maker{left: maxValues}
	value, ok := m.example(json.RawMessage(inputSchema), 0).(map[string]any)
	if !ok {
		value = map[string]any{}
	}
	data, err := json.Marshal(value)
	if err != nil {
		return jsontext.Value("{}") // not possible: it was decoded from JSON
	}
	return data
}

// example is a value that fits a schema, as far as it is understood.
func (m *maker) example(raw json.RawMessage, depth int) any {
	var s schema
	if m.left--; m.left < 0 || depth > maxNesting || json.Unmarshal(raw, &s) != nil {
		return nil
	}
	switch {
	case s.Const != nil:
		return s.Const
	case s.Default != nil:
		return s.Default
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.AnyOf) > 0:
		return m.example(s.AnyOf[0], depth+1)
	case len(s.OneOf) > 0:
		return m.example(s.OneOf[0], depth+1)
	}
	return m.ofType(&s, depth)
}

func (m *maker) ofType(s *schema, depth int) any {
	switch s.kind() {
	case "string":
		return s.text()
	case "integer", "number":
		return s.number()
	case "boolean":
		return false
	case "array":
		items := []any{}
		for range min(s.MinItems, max(m.left, 0)) {
			items = append(items, m.example(s.Items, depth+1))
		}
		return items
	case "object":
		object := map[string]any{}
		for _, name := range s.Required {
			object[name] = m.example(s.Properties[name], depth+1)
		}
		return object
	}
	return nil
}

// kind is the type, the first of several, or what the other keywords suggest.
func (s *schema) kind() string {
	switch t := s.Type.(type) {
	case string:
		return t
	case []any:
		if i := slices.IndexFunc(t, func(v any) bool { return v != "null" }); i >= 0 {
			name, _ := t[i].(string)
			return name
		}
	}
	if s.Properties != nil || s.Required != nil {
		return "object"
	}
	return "string"
}

func (s *schema) number() float64 {
	switch {
	case s.Minimum != nil:
		return *s.Minimum
	case s.Maximum != nil && *s.Maximum < 1:
		return *s.Maximum
	}
	return 1
}

var formats = map[string]string{
	"date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z", "time": "12:00:00Z", "email": "user@example.com",
	"uri": "https://example.com/", "uuid": "123e4567-e89b-12d3-a456-426614174000", "ipv4": "192.0.2.1", "hostname": "example.com",
}

func (s *schema) text() string {
	if text, ok := formats[s.Format]; ok {
		return text
	}
	text := "mcpdiag"
	for len(text) < min(s.MinLength, 1<<16) {
		text += " mcpdiag"
	}
	return text
}
