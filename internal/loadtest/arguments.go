package loadtest

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// variants is how many different arguments are made for a tool, where its schema leaves a choice.
const variants = 8

// Arguments makes the arguments of calls from the input schema of their tool: a
// value for each required property, and nothing else. The same schema and the
// same random numbers give the same arguments.
func Arguments(inputSchema jsontext.Value, r *rand.Rand) Template {
	m := newMaker(inputSchema, r)
	var made []string
	for range variants {
		value, ok := m.value(json.RawMessage(inputSchema), 0).(map[string]any)
		if !ok {
			value = map[string]any{}
		}
		data, err := json.Marshal(value)
		if err != nil {
			data = []byte("{}") // not possible: it is of maps, slices and plain values
		}
		if !slices.Contains(made, string(data)) {
			made = append(made, string(data))
		}
	}
	if len(made) == 1 {
		return Template{parts: []part{{fixed: []byte(made[0])}}}
	}
	return Template{parts: []part{{action: &action{verb: verbJSON, words: made}}}}
}

// schema is the part of JSON Schema that tells how a value may look.
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

// Bounds of what is made from a schema, which is a server's word: how deep, how
// many items, how long a string, and how many bytes of schema are read altogether.
const (
	maxNesting = 8
	maxItems   = 100
	maxText    = 1 << 16
	maxRead    = 64 << 20
	valueCost  = 64 // of a value, beside its schema
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
	_ = json.Unmarshal(document, &top) // what cannot be read defines nothing
	for name, def := range top.Defs {
		m.defs["#/$defs/"+name] = def
	}
	for name, def := range top.Definitions {
		m.defs["#/definitions/"+name] = def
	}
	return m
}

// value fits a schema, as far as that is understood.
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

// join is a with b's properties, or b where either is no object.
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
