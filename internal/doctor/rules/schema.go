package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxDepth limits the nesting of a schema.
const maxDepth = 64

// schemaProblems returns an error in the schemas of a tool, and a feature that some
// clients refuse; "" for none. Since 2026-07-28 results need not be objects.
func schemaProblems(t facts.ToolFact, modern bool) (problem, doubt string) {
	if len(t.Input) == 0 || string(t.Input) == "null" {
		return "it has no inputSchema", ""
	}
	problem, doubt = checkSchema(t.Input, false)
	if problem == "" && len(t.Output) > 0 && string(t.Output) != "null" {
		if problem, _ = checkSchema(t.Output, modern); problem != "" {
			problem = "outputSchema: " + problem
		}
	}
	return problem, doubt
}

// schemaCheck walks a schema.
type schemaCheck struct {
	root    any    // to which references are relative: the part with the nearest $id
	id      string // of root
	problem string
	doubt   string
}

// checkSchema checks a schema, whose root describes an object unless it may describe anything.
func checkSchema(raw json.RawMessage, anything bool) (problem, doubt string) {
	var root any
	if json.Unmarshal(raw, &root) != nil {
		return "not JSON", ""
	}
	object, ok := root.(map[string]any)
	if _, whole := root.(bool); whole && anything {
		return "", ""
	}
	if !ok {
		return "the schema is not an object", ""
	}
	if object["type"] != "object" && !anything {
		return fmt.Sprintf("the type of the root is %s, not \"object\"", shortJSON(object["type"])), ""
	}
	c := &schemaCheck{root: root}
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		if _, has := object[key]; has {
			c.doubt = key + " at the root"
		}
	}
	c.walk(object, 0)
	return c.problem, c.doubt
}

func shortJSON(v any) string {
	data, _ := json.Marshal(v) // it was decoded from JSON
	return report.Cell(string(data), 40)
}

// walk checks a schema and those within it.
func (c *schemaCheck) walk(schema map[string]any, depth int) {
	if depth > maxDepth {
		c.doubt = fmt.Sprintf("nested deeper than %d", maxDepth)
		return
	}
	if id, ok := schema["$id"].(string); ok && !strings.HasPrefix(id, "#") {
		defer func(root any, id string) { c.root, c.id = root, id }(c.root, c.id)
		c.root, c.id = schema, id
	}
	c.types(schema["type"])
	c.ref(schema["$ref"])
	for _, key := range []string{"properties", "$defs", "definitions", "patternProperties"} {
		value, has := schema[key]
		members, ok := value.(map[string]any)
		if has && !ok {
			c.fail(key + " is not an object")
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			c.sub(members[name], depth)
		}
	}
	for _, key := range []string{"items", "additionalProperties", "not", "if", "then", "else"} {
		if value, has := schema[key]; has {
			c.sub(value, depth)
		}
	}
	for _, key := range []string{"anyOf", "oneOf", "allOf", "prefixItems"} {
		list, _ := schema[key].([]any)
		for _, value := range list {
			c.sub(value, depth)
		}
	}
	if value, has := schema["required"]; has && !isStrings(value) {
		c.fail("required is not a list of names")
	}
}

func (c *schemaCheck) fail(problem string) {
	if c.problem == "" {
		c.problem = problem
	}
}

// sub checks a schema within another one: an object, a boolean, or the list of
// schemas that older drafts allow.
func (c *schemaCheck) sub(value any, depth int) {
	switch v := value.(type) {
	case map[string]any:
		c.walk(v, depth+1)
	case []any:
		for _, one := range v {
			if object, ok := one.(map[string]any); ok {
				c.walk(object, depth+1)
			}
		}
	case bool:
	default:
		c.fail(shortJSON(value) + " is not a schema")
	}
}

func (c *schemaCheck) types(value any) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, one := range list {
		switch one {
		case nil, "object", "array", "string", "number", "integer", "boolean", "null":
		default:
			c.fail("unknown type " + shortJSON(one))
		}
	}
}

// ref checks that a local reference points into the schema.
func (c *schemaCheck) ref(value any) {
	ref, ok := value.(string)
	if c.id != "" {
		ref = strings.TrimPrefix(ref, c.id)
	}
	if !ok || ref == "" || ref == "#" {
		return
	}
	pointer, local := strings.CutPrefix(ref, "#/")
	if !local {
		if !strings.HasPrefix(ref, "#") {
			c.doubt = "the reference " + report.Cell(ref, 60) + " leads out of the schema"
		}
		return
	}
	if text, err := url.PathUnescape(pointer); err == nil {
		pointer = text
	}
	at := c.root
	for part := range strings.SplitSeq(pointer, "/") {
		if at = member(at, strings.NewReplacer("~1", "/", "~0", "~").Replace(part)); at == nil {
			c.fail("the reference " + report.Cell(ref, 60) + " leads nowhere")
			return
		}
	}
}

// member returns the member of an object, or the element of an array, nil for none.
func member(of any, name string) any {
	switch of := of.(type) {
	case map[string]any:
		return of[name]
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(of) {
			return of[i]
		}
	}
	return nil
}

func isStrings(value any) bool {
	list, ok := value.([]any)
	for _, one := range list {
		if _, is := one.(string); !is {
			return false
		}
	}
	return ok
}
