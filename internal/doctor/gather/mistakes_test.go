package gather

import (
	"net/http"
	"strings"
	"testing"
)

func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ field, value, want string }{
		"right":       {"Authorization", "Bearer abc", ""},
		"basic":       {"Authorization", "Basic abc", ""},
		"twice":       {"Authorization", "Bearer Bearer abc", "the word Bearer"},
		"quotes":      {"Authorization", `Bearer "abc"`, "quotes"},
		"no scheme":   {"Authorization", "abc", "Authorization without the word Bearer"},
		"header name": {"Bearer", "abc", "a header named Bearer instead of Authorization"},
		"cookie":      {"Cookie", "t=eyJhbGciOi", "the token in Cookie instead of Authorization"},
		"key":         {"X-Api-Key", "abc", ""},
	} {
		if got := strings.Join(mistakesIn(http.Header{tc.field: {tc.value}}), ", "); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
