package rules

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// TestPath names the hops on the way.
func TestPath(t *testing.T) {
	t.Parallel()
	for want, header := range map[string]http.Header{
		"":                  {"Server": {"uvicorn"}},
		"Nginx":             {"Server": {"nginx/1.24.0 (Ubuntu)"}},
		"Cloudflare":        {"Cf-Ray": {"1"}, "Server": {"cloudflare"}},
		"AWS load balancer": {"Set-Cookie": {"AWSALB"}},
		"Caddy, Envoy":      {"Via": {"1.1 Caddy"}, "Server": {"envoy"}},
	} {
		f := &facts.Facts{Target: "http://a/mcp", Exchanges: []*facts.Exchange{{URL: "http://a/x", Header: header}, {URL: "http://b/", Header: http.Header{"Server": {"haproxy"}}}}}
		if got := strings.Join(hopsOf(f), ", "); got != want {
			t.Errorf("%v: %q, want %q", header, got, want)
		}
	}
}
