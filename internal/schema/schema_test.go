package schema

import (
	"reflect"
	"testing"
	"time"
)

// Types that marshal in a way of their own have the schema of that.
func TestInfer(t *testing.T) {
	t.Parallel()
	s, err := Infer(reflect.TypeFor[struct {
		Wait time.Duration `json:"wait"`
	}]())
	if err != nil || s.Properties["wait"].Description != "nanoseconds" {
		t.Errorf("%v: %v", s, err)
	}
	if _, err := (&Command{Name: "x", Type: reflect.TypeFor[chan int]()}).Schema(); err == nil {
		t.Error("a channel has a schema")
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		if _, err := Find(name).Schema(); err != nil {
			t.Error(err)
		}
	}
	if Find("nope") != nil {
		t.Error("there is a document of no command")
	}
}
