package snapshot

import (
	"encoding/json"
	"reflect"
	"slices"
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

// The schema has the members of the Go types, and each says what Go reads there.
func TestSchemaMatchesTheTypes(t *testing.T) {
	var schema object
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		got object
		typ reflect.Type
	}{
		{schema, reflect.TypeFor[Snapshot]()},
		{schema.Defs["call"], reflect.TypeFor[Call]()},
		{*schema.Properties["handlers"].AdditionalProperties, reflect.TypeFor[Handler]()},
		{schema.Properties["poll"], reflect.TypeFor[Poll]()},
	} {
		want := map[string]string{}
		for i, name := range jsonNames(tc.typ) {
			want[name] = kind(tc.typ.Field(i).Type)
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
