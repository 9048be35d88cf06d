package rules

import (
	"net/http"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// TestLimitOfAnother takes no limit of an authorization server for that of the target.
func TestLimitOfAnother(t *testing.T) {
	t.Parallel()
	f := &facts.Facts{Target: "https://a.example/mcp", Exchanges: []*facts.Exchange{
		{URL: "https://login.example/keys", Status: 429, Header: http.Header{"X-Ratelimit-Limit": {"300"}, "X-Ratelimit-Remaining": {"1"}}},
	}}
	if l, x := lastLimit(f); x != nil {
		t.Errorf("%+v", l)
	}
	if got := judgeLimit(f); got.Severity != finding.Pass {
		t.Errorf("%s %s", got.Severity, got.Summary)
	}
}

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
