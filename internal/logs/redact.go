package logs

import (
	"reflect"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// redactor removes secrets from text on its way out and counts them.
type redactor struct {
	count    int64
	sessions *strings.Replacer // identifiers by their short names; may be nil
}

// removed is the text that report.RedactText puts in the place of a secret.
const removed = "REDACTED"

// text returns s without its secrets.
func (r *redactor) text(s string) string {
	clean := report.RedactText(s)
	if clean != s {
		r.count += int64(max(1, strings.Count(clean, removed)-strings.Count(s, removed)))
	}
	if r.sessions != nil {
		clean = r.sessions.Replace(clean)
	}
	return clean
}

// all removes the secrets from every string that v, a pointer, refers to.
func (r *redactor) all(v any) { r.value(reflect.ValueOf(v)) }

func (r *redactor) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			r.value(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				r.value(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			r.value(v.Index(i))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(r.text(v.String()))
		}
	default:
	}
}
