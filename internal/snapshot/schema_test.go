package snapshot

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// object is the part of a JSON Schema that says which members there are.
type object struct {
	Ref                  string            `json:"$ref"`
	Type                 any               `json:"type"`
	Properties           map[string]object `json:"properties"`
	Items                *object           `json:"items"`
	AdditionalProperties *object           `json:"additionalProperties"`
	Defs                 map[string]object `json:"$defs"`
}

func tableNames[T any](members []member[T]) (names []string) {
	for _, m := range members {
		names = append(names, m.name)
	}
	return names
}

// jsonNames returns the members of a type in order.
func jsonNames(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

func jsonKinds(t reflect.Type) map[string]string {
	kinds := map[string]string{}
	for i, name := range jsonNames(t) {
		kinds[name] = kind(t.Field(i).Type)
	}
	return kinds
}

// The tables, the Go types and the schema have the same members of the same kinds.
func TestSchemaMatchesTheTypes(t *testing.T) {
	var schema object
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		got  object
		typ  reflect.Type
		read []string
	}{
		{schema, reflect.TypeFor[Snapshot](), tableNames(documentMembers())},
		{schema.Defs["call"], reflect.TypeFor[Call](), tableNames(callMembers)},
		{*schema.Properties["handlers"].AdditionalProperties, reflect.TypeFor[Handler](), tableNames(handlerMembers)},
		{schema.Properties["upstream"], reflect.TypeFor[Upstream](), tableNames(upstreamMembers)},
		{schema.Properties["poll"], reflect.TypeFor[Poll](), tableNames(pollMembers)},
	} {
		want := jsonKinds(tc.typ)
		if !slices.Equal(tc.read, jsonNames(tc.typ)) {
			t.Errorf("%s has %q, and the table reads %q", tc.typ, jsonNames(tc.typ), tc.read)
		}
		got := map[string]string{}
		for name, p := range tc.got.Properties {
			got[name] = p.kind(want[name])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-type +schema)\n%s", tc.typ, diff)
		}
	}
	if ref := schema.Properties["toolCallStack"].Items.Ref; ref != "#/$defs/call" {
		t.Errorf("the stack holds %q", ref)
	}
}

// kind is what a field of a type stands for in the schema.
func kind(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[Time]():
		return "time"
	case t.Kind() == reflect.Int64:
		return "count"
	case t.Kind() == reflect.Float64:
		return "amount"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.Slice:
		return "array"
	case t.Kind() == reflect.String:
		return "string"
	}
	return "object"
}

// kind is what a member of the schema stands for, want where its type allows that.
func (o object) kind(want string) string {
	switch o.Ref {
	case "#/$defs/time", "#/$defs/count", "#/$defs/amount":
		return o.Ref[len("#/$defs/"):]
	}
	switch t := o.Type.(type) {
	case string:
		return t
	case []any:
		if slices.Contains(t, any(want)) {
			return want
		}
	case nil: // handlerQueue: one of several
		return want
	}
	return "?"
}
