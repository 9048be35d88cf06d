package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                        {""},
		"one two  three":          {"one two", "three"},
		"areallylongword in here": {"areallylongword", "in here"},
		"漢字漢字 漢字":                 {"漢字漢字", "漢字"},
	} {
		if diff := cmp.Diff(want, Wrap(text, 8)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestClosest(t *testing.T) {
	t.Parallel()
	known := []string{"interval", "until-alert", "users", "url"}
	for name, want := range map[string]string{"intervall": "interval", "user": "users", "inter": "interval", "x": "", "urls": "url", "zebra": "", "ux": ""} {
		if got := Closest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := distance(strings.Repeat("a", 1000), "a"); got != 3 {
		t.Errorf("%d", got)
	}
}
