package engine

import (
	"net/http"
	"slices"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// What a real server of the Go SDK, on the same processors, gets done with either
// generator, and the p99 that it shows.
func BenchmarkAgainstGoSDK(b *testing.B) {
	for name, nethttp := range map[string]bool{"generator=direct": false, "generator=nethttp": true} {
		b.Run(name, func(b *testing.B) {
			s := sdkServer(nil)
			cfg := onTCP(b, sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{JSONResponse: true}), 30*time.Second)
			cfg.NetHTTP = nethttp
			var p99, rate []float64
			for b.Loop() {
				res := runPlan(b, cfg, plan.Plan{Protocol: mcp.Legacy, Stages: []plan.Stage{{Users: 40, Duration: 2 * time.Second}}})
				p99, rate = append(p99, res.Latency.P99), append(rate, res.CallsPerSecond)
			}
			slices.Sort(p99)
			slices.Sort(rate)
			b.ReportMetric(p99[len(p99)/2], "p99-ms")
			b.ReportMetric(rate[len(rate)/2], "calls/s")
		})
	}
}
