package rules

import (
	"net/http"
	"testing"
)

func TestRateLimit(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]rateLimit{
		`"n";q=100;w=60`: {limit: 100, remaining: -1, window: 60, text: `"n";q=100;w=60`},
	} {
		if got, ok := rateLimitOf(http.Header{"Ratelimit-Policy": {field}}); !ok || got != want {
			t.Errorf("%s: %+v", field, got)
		}
	}
}
