package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/engine"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/knee"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// The demo server has so many workers, of which each takes so long for a call:
// the knee is as many users as workers, five times out of five. In virtual time
// no other program has a part in it; beside other tests virtual time passes slowly, so
// it is not parallel.
func TestKneeOfTheDemoServer(t *testing.T) {
	for i, c := range []struct {
		workers int
		service time.Duration
		version string
	}{
		{2, 100 * time.Millisecond, mcp.Modern}, {3, 150 * time.Millisecond, mcp.Legacy}, {5, 100 * time.Millisecond, mcp.Modern},
		{6, 50 * time.Millisecond, mcp.Legacy}, {10, 150 * time.Millisecond, mcp.Modern},
	} {
		if i > 1 && !processtest.Thorough() {
			break
		}
		t.Run(fmt.Sprintf("%d workers of %s", c.workers, c.service), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := demoInMemory(t, demo.Config{Workers: c.workers, ServiceTime: c.service})
				cfg.Plan = plan.Plan{
					Protocol: c.version, Stages: []plan.Stage{{Users: 1, Calls: 1}},
					Steps: []plan.Step{{Kind: plan.CallTool, Name: "search", Weight: 1}},
				}
				knee := searchKnee(t, cfg)
				if knee.Plateau == nil || knee.Verdict != result.VerdictOK {
					t.Fatalf("%s, %q, %+v", knee.Verdict, knee.Reasons, knee.Plateau)
				}
				if off := knee.Plateau.Knee/float64(c.workers) - 1; math.Abs(off) > 0.15 {
					t.Errorf("the knee is %.2f, want %d", knee.Plateau.Knee, c.workers)
				}
				// A measurement ends between two batches of calls that end at the same time:
				// of the ten in 1.5 s, one may be missing.
				if top := float64(c.workers) / c.service.Seconds(); math.Abs(knee.Plateau.Throughput/top-1) > 0.15 {
					t.Errorf("the plateau is at %.1f calls a second, want %.1f", knee.Plateau.Throughput, top)
				}
				for _, s := range knee.Steps {
					if math.Abs(s.Little-1) > 0.1 {
						t.Errorf("at %s Little's law is off: %.3f", s.Level, s.Little)
					}
				}
			})
		})
	}
}

func searchKnee(t *testing.T, cfg engine.Config) *knee.Knee {
	t.Helper()
	runner, err := engine.Prepare(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer runner.Close()
	knee, err := knee.Find(t.Context(), runner.RunStep, knee.Config{
		MaxUsers: 200, Sampling: result.Sampling{Settle: 500 * time.Millisecond, Least: 1500 * time.Millisecond, Most: 10 * time.Second, Calls: 50, Relative: 0.1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return knee
}

// demoInMemory serves the demo server in virtual time.
func demoInMemory(t *testing.T, cfg demo.Config) engine.Config {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := clienttest.NewMemory()
	served := make(chan error, 1)
	go func() { served <- demo.New(cfg).Serve(ctx, p) }()
	c, err := client.New(client.Config{Dial: p.Dial, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.HTTP().CloseIdleConnections()
		cancel()
		if err := <-served; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		time.Sleep(time.Minute) // sessions that are left expire
	})
	return engine.Config{
		Endpoint: mcp.Endpoint{HTTP: c.HTTP(), URL: "http://localhost/mcp"}, Timeout: c.Timeout(), Options: engine.Options{Client: c},
	}
}
