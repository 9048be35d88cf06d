package arguments

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxVariants is how many different arguments are made where a schema leaves a choice.
const maxVariants = 8

// Variants makes several different arguments, each a JSON object, at least one.
func Variants(inputSchema jsontext.Value, r *rand.Rand) []string {
	m := newMaker(inputSchema, r)
	var made []string
	for range maxVariants {
		if data := string(m.arguments(inputSchema)); !slices.Contains(made, data) {
			made = append(made, data)
		}
	}
	return made
}

// Make makes the arguments of one call, a JSON object: a value for each required
// property, and nothing else. The same schema and the same random numbers give
// the same arguments.
func Make(inputSchema jsontext.Value, r *rand.Rand) jsontext.Value {
	return newMaker(inputSchema, r).arguments(inputSchema)
}

func (m *maker) arguments(inputSchema jsontext.Value) jsontext.Value {
	value, ok := m.value(json.RawMessage(inputSchema), 0).(map[string]any)
	if !ok {
		return jsontext.Value("{}")
	}
	data, err := json.Marshal(value)
	if err != nil { // a default or example that is not valid JSON
		return jsontext.Value("{}")
	}
	return data
}

// schema is the part of JSON Schema that describes values.
type schema struct {
	Ref              string                     `json:"$ref"`
	Type             any                        `json:"type"` // a name, or several
	Properties       map[string]json.RawMessage `json:"properties"`
	Required         []string                   `json:"required"`
	Items            json.RawMessage            `json:"items"`
	Enum             []any                      `json:"enum"`
	Const            json.RawMessage            `json:"const"`
	Default          json.RawMessage            `json:"default"`
	Examples         []any                      `json:"examples"`
	AnyOf            []json.RawMessage          `json:"anyOf"`
	OneOf            []json.RawMessage          `json:"oneOf"`
	AllOf            []json.RawMessage          `json:"allOf"`
	Minimum          *float64                   `json:"minimum"`
	Maximum          *float64                   `json:"maximum"`
	ExclusiveMinimum any                        `json:"exclusiveMinimum"` // a bound, or in old schemas a flag
	ExclusiveMaximum any                        `json:"exclusiveMaximum"`
	MultipleOf       float64                    `json:"multipleOf"`
	MinItems         int                        `json:"minItems"`
	MinLength        int                        `json:"minLength"`
	MaxLength        *int                       `json:"maxLength"`
	Format           string                     `json:"format"`
}

// Limits on schemas, which come from the server.
const (
	maxNesting = 8
	maxItems   = 100
	maxText    = 1 << 16  // bytes of a string
	maxRead    = 64 << 20 // bytes of schema read altogether
	valueCost  = 64       // bytes that a value counts in addition to its schema
)

// maker makes values that fit the schemas of one document.
type maker struct {
	rand *rand.Rand
	defs map[string]json.RawMessage // by "#/$defs/NAME"
	left int                        // of maxRead
}

func newMaker(document jsontext.Value, r *rand.Rand) *maker {
	m := &maker{rand: r, defs: map[string]json.RawMessage{}, left: maxRead}
	var top struct {
		Defs        map[string]json.RawMessage `json:"$defs"`
		Definitions map[string]json.RawMessage `json:"definitions"`
	}
	_ = json.Unmarshal(document, &top) // an unreadable document has no definitions
	for name, def := range top.Defs {
		m.defs["#/$defs/"+name] = def
	}
	for name, def := range top.Definitions {
		m.defs["#/definitions/"+name] = def
	}
	return m
}

// value makes a value that fits a schema, as far as the schema is understood.
func (m *maker) value(raw json.RawMessage, depth int) any {
	m.left -= len(raw) + valueCost
	var s schema
	if depth > maxNesting || m.left < 0 || json.Unmarshal(raw, &s) != nil {
		return nil
	}
	switch {
	case s.Ref != "":
		return m.value(m.defs[s.Ref], depth+1)
	case len(s.Const) > 0:
		return s.Const
	case len(s.Default) > 0:
		return s.Default
	case len(s.Examples) > 0:
		return s.Examples[m.rand.IntN(len(s.Examples))]
	case len(s.Enum) > 0:
		return s.Enum[m.rand.IntN(len(s.Enum))]
	case len(s.AnyOf) > 0:
		return m.branch(&s, s.AnyOf, depth)
	case len(s.OneOf) > 0:
		return m.branch(&s, s.OneOf, depth)
	case len(s.AllOf) > 0:
		return m.all(&s, depth)
	}
	return m.ofType(&s, depth)
}

// branch follows one of several schemas, with the properties that stand beside them.
func (m *maker) branch(s *schema, branches []json.RawMessage, depth int) any {
	made := m.value(branches[m.rand.IntN(len(branches))], depth+1)
	if len(s.Properties) == 0 {
		return made
	}
	return join(m.object(s, depth), made)
}

// all follows several schemas at once: the properties of objects are joined.
func (m *maker) all(s *schema, depth int) any {
	var made any
	for _, part := range s.AllOf {
		made = join(made, m.value(part, depth+1))
	}
	if len(s.Properties) > 0 {
		made = join(made, m.object(s, depth))
	}
	return made
}

// join returns a with b's properties, or b where either is not an object.
func join(a, b any) any {
	ours, ok := a.(map[string]any)
	theirs, ok2 := b.(map[string]any)
	switch {
	case b == nil:
		return a
	case !ok || !ok2:
		return b
	}
	maps.Copy(ours, theirs)
	return ours
}

func (m *maker) ofType(s *schema, depth int) any {
	switch s.kind() {
	case "string":
		return m.text(s)
	case "integer":
		return m.number(s, true)
	case "number":
		return m.number(s, false)
	case "boolean":
		return m.rand.IntN(2) == 0
	case "array":
		items := []any{}
		for range min(s.MinItems, maxItems) {
			items = append(items, m.value(s.Items, depth+1))
		}
		return items
	case "object":
		return m.object(s, depth)
	}
	return nil
}

func (m *maker) object(s *schema, depth int) any {
	object := map[string]any{}
	for _, name := range s.Required[:min(len(s.Required), maxItems)] {
		object[name] = m.value(s.Properties[name], depth+1)
	}
	return object
}

// kind returns the type, the first of several, or as the other keywords suggest.
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
	switch {
	case s.Properties != nil || s.Required != nil:
		return "object"
	case s.Items != nil:
		return "array"
	case s.Minimum != nil || s.Maximum != nil || s.MultipleOf > 0:
		return "number"
	}
	return "string"
}
