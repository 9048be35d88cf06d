package process

import (
	"reflect"
	"testing"
)

func TestOr(t *testing.T) {
	var full Detail
	v := reflect.ValueOf(&full).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Float64 {
			v.Field(i).SetFloat(float64(i + 1))
		}
	}
	if got := NoDetail().Or(full); got != full {
		t.Errorf("%+v, want %+v", got, full)
	}
	if got := full.Or(Detail{}); got != full {
		t.Errorf("%+v, want %+v", got, full)
	}
}
