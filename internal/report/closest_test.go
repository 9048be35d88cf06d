package report

import (
	"strings"
	"testing"
)

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
