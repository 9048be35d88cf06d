package mcp

import (
	"fmt"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// shape describes the values that clients on the official TypeScript SDK accept in one
// place of an answer. The zero value accepts anything.
type shape struct {
	kind    jsontext.Kind
	members map[string]shape
	must    []string         // members that an object must have
	each    *shape           // elements of an array, or the other members of an object
	words   []string         // the texts that are allowed
	byType  map[string]shape // by the member "type" of an object
}

// object returns the shape of an object; names in must begin with them.
func object(members map[string]shape, must ...string) shape {
	return shape{kind: '{', members: members, must: must}
}

func arrayOf(each shape) shape { return shape{kind: '[', each: &each} }

var (
	isText    = shape{kind: '"'}
	isBool    = shape{kind: 't'}
	isObject  = shape{kind: '{'}
	isObjects = shape{kind: '{', each: &isObject}

	initializeShape = object(map[string]shape{
		"protocolVersion": isText, "instructions": isText,
		"serverInfo": object(map[string]shape{"name": isText, "version": isText, "title": isText}, "name", "version"),
		"capabilities": object(map[string]shape{
			"experimental": isObjects, "logging": isObject, "completions": isObject,
			"prompts":   object(map[string]shape{"listChanged": isBool}),
			"resources": object(map[string]shape{"subscribe": isBool, "listChanged": isBool}),
			"tools":     object(map[string]shape{"listChanged": isBool}),
		}),
	}, "protocolVersion", "capabilities", "serverInfo")

	pageShape = object(map[string]shape{"nextCursor": isText})

	schemaShape = object(map[string]shape{"properties": isObjects, "required": arrayOf(isText)})
	toolShape   = object(map[string]shape{
		"title": isText, "description": isText, "inputSchema": schemaShape, "_meta": isObject,
		"outputSchema": object(map[string]shape{"type": {kind: '"', words: []string{"object"}}, "properties": isObjects, "required": arrayOf(isText)}, "type"),
		"annotations": object(map[string]shape{
			"title": isText, "readOnlyHint": isBool, "destructiveHint": isBool, "idempotentHint": isBool, "openWorldHint": isBool,
		}),
		"execution": object(map[string]shape{"taskSupport": {kind: '"', words: []string{"required", "optional", "forbidden"}}}),
	})

	callShape = object(map[string]shape{
		"isError": isBool, "structuredContent": isObject, "_meta": isObject,
		"content": arrayOf(shape{kind: '{', must: []string{"type"}, byType: map[string]shape{
			"text":          object(map[string]shape{"text": isText}, "text"),
			"image":         object(map[string]shape{"data": isText, "mimeType": isText}, "data", "mimeType"),
			"audio":         object(map[string]shape{"data": isText, "mimeType": isText}, "data", "mimeType"),
			"resource_link": object(map[string]shape{"uri": isText, "name": isText}, "uri", "name"),
			"resource":      object(map[string]shape{"resource": object(map[string]shape{"uri": isText}, "uri")}, "resource"),
		}}),
	})
)

// structuredShape is the result of a tool that has an output schema.
var structuredShape = object(nil, "structuredContent")

// faultOf returns where a value that a server sent departs from a shape, or "".
func (s shape) faultOf(value jsontext.Value) string {
	var v any
	if jsonv2.Unmarshal(value, &v, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) != nil {
		return "" // that is reported elsewhere
	}
	return s.fault(v, "")
}

func (s shape) fault(v any, at string) string {
	if kind := kindOf(v); s.kind != 0 && kind != s.kind {
		return fmt.Sprintf("%s is %s", place(at), kindName(kind))
	}
	switch v := v.(type) {
	case string:
		if len(s.words) > 0 && !slices.Contains(s.words, v) {
			return fmt.Sprintf("%s is %.40q", place(at), v)
		}
	case []any:
		for i, element := range v {
			if s.each == nil {
				break
			}
			if fault := s.each.fault(element, fmt.Sprintf("%s/%d", at, i)); fault != "" {
				return fault
			}
		}
	case map[string]any:
		return s.objectFault(v, at)
	}
	return ""
}

func (s shape) objectFault(v map[string]any, at string) string {
	for _, name := range s.must {
		if _, ok := v[name]; !ok {
			return fmt.Sprintf("%s is missing", place(at+"/"+name))
		}
	}
	if s.byType != nil {
		kind, _ := v["type"].(string)
		variant, ok := s.byType[kind]
		if !ok {
			return fmt.Sprintf("%s is %.40q", place(at+"/type"), kind)
		}
		if fault := variant.fault(v, at); fault != "" {
			return fault
		}
	}
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		member, ok := s.members[name]
		if !ok && s.each == nil {
			continue
		}
		if !ok {
			member = *s.each
		}
		if fault := member.fault(v[name], at+"/"+name); fault != "" {
			return fault
		}
	}
	return ""
}

// place names a member by the way to it.
func place(at string) string {
	if at == "" {
		return "it"
	}
	return fmt.Sprintf("member %.80q", at)
}

// kindOf returns the kind of a decoded value; both truth values are 't'.
func kindOf(v any) jsontext.Kind {
	switch v.(type) {
	case nil:
		return 'n'
	case bool:
		return 't'
	case string:
		return '"'
	case float64:
		return '0'
	case []any:
		return '['
	}
	return '{'
}

// deviations returns the parts of the named result that clients on the SDK reject.
func (s shape) deviations(name string, result jsontext.Value) []deviation {
	fault := s.faultOf(result)
	if fault == "" {
		return nil
	}
	return []deviation{{fmt.Sprintf("in %s %s", name, fault), bySDK}}
}
