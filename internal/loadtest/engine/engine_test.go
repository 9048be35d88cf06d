package engine

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// inMemory serves h in virtual time and returns how to reach it.
func inMemory(t *testing.T, h http.Handler) Config {
	t.Helper()
	l := clienttest.NewMemory()
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Hour}
	go func() { _ = srv.Serve(l) }()
	c, err := client.New(client.Config{Dial: l.Dial, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.HTTP().CloseIdleConnections()
		_ = srv.Close()
		time.Sleep(2 * sessionTimeout) // sessions that were abandoned end by themselves
	})
	return configOf(c, "http://server/mcp")
}

func configOf(c *client.Client, address string) Config {
	return Config{Endpoint: mcp.Endpoint{HTTP: c.HTTP(), URL: address}, Timeout: c.Timeout(), Options: Options{Client: c}}
}

// onTCP serves h for real.
func onTCP(t testing.TB, h http.Handler, timeout time.Duration) Config {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	u := &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/mcp"}
	c, err := client.New(client.Config{Timeout: timeout, MaxBody: 256 << 10, Origins: []*url.URL{u}, Header: http.Header{"Authorization": {"Bearer SENTINEL"}}})
	if err != nil {
		t.Fatal(err)
	}
	return configOf(c, u.String())
}

type nothing struct{}

// server is a server of the official SDK with the tool work.
func server(work func(context.Context) error, opts *sdk.StreamableHTTPOptions) http.Handler {
	s := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	sdk.AddTool(s, &sdk.Tool{Name: "work"}, func(ctx context.Context, _ *sdk.CallToolRequest, _ nothing) (*sdk.CallToolResult, any, error) {
		err := work(ctx)
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: "done"}}}, nil, err
	})
	if opts == nil {
		opts = &sdk.StreamableHTTPOptions{SessionTimeout: sessionTimeout}
	}
	return sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, opts)
}

const sessionTimeout = time.Hour

func takes(d time.Duration) func(context.Context) error {
	return func(context.Context) error { time.Sleep(d); return nil }
}

var workStep = []plan.Step{{Kind: plan.CallTool, Name: "work", Weight: 1}}

func runPlan(t testing.TB, cfg Config, plan plan.Plan) *result.Result {
	t.Helper()
	if plan.Steps == nil {
		plan.Steps = slices.Clone(workStep)
	}
	if plan.Protocol == "" {
		plan.Protocol = mcp.Legacy
	}
	cfg.Plan = plan
	res, err := prepareAndRun(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// A virtual minute of a closed loop with a tool of 100 ms is exactly 600 calls.
func TestClosedLoopIsExact(t *testing.T) {
	processtest.NeedsThorough(t)
	for name, direct := range map[string]bool{"direct": true, "net/http": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := inMemory(t, server(takes(100*time.Millisecond), nil))
				cfg.NetHTTP = !direct
				res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 3, Duration: time.Minute}}})
				if res.Calls != 1800 || res.Failed != 0 || res.Verdict != result.VerdictOK || len(res.Series) != 60 {
					t.Errorf("%d calls, %d failed, %s, %d seconds: %v", res.Calls, res.Failed, res.Verdict, len(res.Series), res.Errors)
				}
				if p := res.Latency.P50; p < 99.9 || p > 100.1 {
					t.Errorf("p50 %f ms", p)
				}
				if s := res.Series[7]; s.Calls != 30 || s.Users != 3 || s.P99 < 99.9 || s.P99 > 100.1 {
					t.Errorf("a second: %+v", s)
				}
				if res.Sessions.Opened != 3 || res.Sessions.Closed != 3 || res.UserCalls.Least != 600 {
					t.Errorf("%+v, %+v", res.Sessions, res.UserCalls)
				}
			})
		})
	}
}

// What is reported is what the server took, of a distribution with a long tail.
func TestTruth(t *testing.T) {
	processtest.NeedsThorough(t)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var took []time.Duration
		random := rand.New(rand.NewPCG(1, 2))
		cfg := inMemory(t, server(func(context.Context) error {
			mu.Lock()
			d := time.Duration(random.ExpFloat64() * float64(20*time.Millisecond))
			took = append(took, d)
			mu.Unlock()
			time.Sleep(d)
			return nil
		}, nil))
		res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 20, Calls: 150}}})
		slices.Sort(took)
		for q, got := range map[float64]float64{0.5: res.Latency.P50, 0.9: res.Latency.P90, 0.99: res.Latency.P99} {
			want := took[int(q*float64(len(took)))].Seconds() * 1000
			if got < 0.98*want || got > 1.02*want {
				t.Errorf("the quantile %g is %f ms, want %f", q, got, want)
			}
		}
	})
}

// stalling answers after 10 ms, but for 2 s of every 10 s not at all.
func stalling(began time.Time) func(context.Context) error {
	return func(context.Context) error {
		if since := time.Since(began) % (10 * time.Second); since >= 8*time.Second {
			time.Sleep(10*time.Second - since)
		}
		time.Sleep(10 * time.Millisecond)
		return nil
	}
}

// An open loop shows a stall, which a closed loop leaves out.
func TestStall(t *testing.T) {
	processtest.NeedsThorough(t)
	synctest.Test(t, func(t *testing.T) {
		cfg := inMemory(t, server(stalling(time.Now()), nil))
		closed := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 1, Duration: 20 * time.Second}}})
		if closed.Latency.P99 > 20 || closed.Latency.Max < 1900 {
			t.Errorf("closed loop: p99 %f ms, max %f", closed.Latency.P99, closed.Latency.Max)
		}
	})
	for _, poisson := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			cfg := inMemory(t, server(stalling(time.Now()), nil))
			open := runPlan(t, cfg, plan.Plan{Poisson: poisson, Stages: []plan.Stage{{Users: 200, Rate: 50, Duration: 30 * time.Second}}})
			if open.Latency.P99 < 1800 || open.Latency.P99 > 2100 || open.Latency.P50 > 50 {
				t.Errorf("open loop: p50 %f ms, p99 %f", open.Latency.P50, open.Latency.P99)
			}
			if n := float64(open.Open.Intended); n < 1350 || n > 1650 || !poisson && n != 1500 || open.Calls != open.Open.Intended || open.Open.Dropped > 0 {
				t.Errorf("%d calls, %+v", open.Calls, open.Open)
			}
			if open.Verdict != result.VerdictOK {
				t.Errorf("verdict %s: %v", open.Verdict, open.Reasons)
			}
		})
	}
}

// Where every user is busy calls come late, and count from when they were due;
// those that never start are counted, and the verdict is withheld.
func TestTooFewUsersForARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := inMemory(t, server(takes(100*time.Millisecond), nil))
		cfg.Timeout = time.Second
		res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 2, Rate: 100, Duration: 10 * time.Second}}})
		if res.Open.Intended != 1000 || res.Open.Dropped < 700 || res.Open.Started+res.Open.Dropped != 1000 || res.Open.OwnLate > 2 {
			t.Errorf("%+v", res.Open)
		}
		if res.Latency.P99 < 1000 || res.Service == nil || res.Service.P99 > 101 {
			t.Errorf("latency %+v, service %+v", res.Latency, res.Service)
		}
		if res.Verdict != result.VerdictWithheld || len(res.Reasons) == 0 {
			t.Errorf("verdict %s: %v", res.Verdict, res.Reasons)
		}
	})
}

// What users do between and around their calls.
func TestPatterns(t *testing.T) {
	second := time.Second
	for name, tc := range map[string]struct {
		plan                            plan.Plan
		calls, opened, closed, abandons int64
		least, most                     time.Duration
	}{
		"a session a user":   {plan.Plan{Stages: []plan.Stage{{Users: 2, Calls: 5}}}, 10, 2, 2, 0, 500 * time.Millisecond, 600 * time.Millisecond},
		"a session a call":   {plan.Plan{SessionCalls: 1, Stages: []plan.Stage{{Users: 2, Calls: 5}}}, 10, 10, 10, 0, 0, second},
		"two calls each":     {plan.Plan{SessionCalls: 2, Stages: []plan.Stage{{Users: 2, Calls: 5}}}, 10, 6, 6, 0, 0, second},
		"abandoned":          {plan.Plan{End: plan.EndAbandon, SessionCalls: 1, Stages: []plan.Stage{{Users: 2, Calls: 5}}}, 10, 10, 0, 10, 0, second},
		"kept":               {plan.Plan{End: plan.EndKeep, SessionCalls: 1, Stages: []plan.Stage{{Users: 2, Calls: 5}}}, 10, 10, 10, 0, 0, second},
		"rounds":             {plan.Plan{Rounds: 3, Delay: 10 * second, Stages: []plan.Stage{{Users: 2, Calls: 5}}}, 30, 6, 6, 0, 1500 * time.Millisecond, 1600 * time.Millisecond},
		"thinking":           {plan.Plan{Think: plan.Think{Least: second, Most: second}, Stages: []plan.Stage{{Users: 2, Calls: 5}}}, 10, 2, 2, 0, 4500 * time.Millisecond, 4600 * time.Millisecond},
		"bursts":             {plan.Plan{Burst: plan.Burst{Calls: 2, Rest: 3 * second}, Stages: []plan.Stage{{Users: 2, Calls: 5}}}, 10, 2, 2, 0, 6500 * time.Millisecond, 6600 * time.Millisecond},
		"ramp-up":            {plan.Plan{Stages: []plan.Stage{{Users: 10, RampUp: 10 * second, Duration: 10 * second}}}, 550, 10, 10, 0, 10 * second, 10200 * time.Millisecond},
		"down again":         {plan.Plan{Stages: []plan.Stage{{Users: 10, Duration: second}, {Users: 2, Duration: second}}}, 120, 10, 10, 0, 2 * second, 2100 * time.Millisecond},
		"warm-up":            {plan.Plan{Warmup: 5 * second, Stages: []plan.Stage{{Users: 2, Calls: 5}}}, 10, 2, 2, 0, 500 * time.Millisecond, 700 * time.Millisecond},
		"warm-up of a rate":  {plan.Plan{Warmup: 5 * second, Stages: []plan.Stage{{Users: 10, Rate: 10, Duration: 2 * second}}}, 20, 2, 2, 0, 2 * second, 2200 * time.Millisecond},
		"a rate that grows":  {plan.Plan{Stages: []plan.Stage{{Users: 30, Rate: 10, RampUp: 4 * second, Duration: 4 * second}}}, 20, 1, 1, 0, 4 * second, 4200 * time.Millisecond},
		"users, then a rate": {plan.Plan{Stages: []plan.Stage{{Users: 2, Duration: second}, {Users: 5, Rate: 10, Duration: second}}}, 30, 2, 2, 0, 2 * second, 2200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := inMemory(t, server(takes(100*time.Millisecond), nil))
				res := runPlan(t, cfg, tc.plan)
				took := time.Duration(res.DurationS * float64(second))
				if res.Calls != tc.calls || res.Failed != 0 || tc.most > 0 && (took < tc.least || took > tc.most) {
					t.Errorf("%d calls in %s, %d failed: %v; want %d in %s to %s", res.Calls, took, res.Failed, res.Errors, tc.calls, tc.least, tc.most)
				}
				if s := res.Sessions; s.Opened != tc.opened || s.Closed != tc.closed || s.Abandoned != tc.abandons {
					t.Errorf("sessions %+v, want %d opened, %d closed, %d abandoned", s, tc.opened, tc.closed, tc.abandons)
				}
			})
		})
	}
}

// A user that is yet to come is not at work: the series shows the ramp.
func TestUsersOfARamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := inMemory(t, server(takes(100*time.Millisecond), nil))
		res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 10, RampUp: 10 * time.Second, Duration: 12 * time.Second}}})
		for i, want := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10} {
			if got := res.Series[i].Users; got != want {
				t.Errorf("%d users in second %d, want %d", got, i, want)
			}
		}
	})
}

// A step of a search sees what the server does.
func TestRunStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := inMemory(t, server(takes(50*time.Millisecond), nil))
		cfg.Plan = plan.Plan{Steps: slices.Clone(workStep), Protocol: mcp.Legacy, Stages: []plan.Stage{{Users: 1, Calls: 1}}}
		r, err := Prepare(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, level := range []result.Level{{Users: 1}, {Users: 10}, {Users: 100, Rate: 50}} {
			want := float64(level.Users) * 20
			if level.Rate > 0 {
				want = level.Rate
			}
			res, err := r.RunStep(t.Context(), level, result.Sampling{Settle: time.Second, Least: 2 * time.Second, Calls: 50, Relative: 0.05})
			if err != nil || res.Throughput < 0.97*want || res.Throughput > 1.03*want || res.P50 < 49 || res.P50 > 52 || res.Failed > 0 {
				t.Errorf("%+v: %+v, %v", level, res, err)
			}
			if little := res.Throughput * res.Mean / 1000; res.InFlight < 0.95*little || res.InFlight > 1.05*little {
				t.Errorf("%+v: %f in flight, %f by Little's law", level, res.InFlight, little)
			}
		}
	})
}

// Ctrl-C: what was done is reported, what was cut off is no failure, sessions are ended.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		cfg := inMemory(t, server(func(ctx context.Context) error {
			if calls.Add(1) > 10 {
				<-ctx.Done() // it hangs
			}
			time.Sleep(100 * time.Millisecond)
			return nil
		}, nil))
		cfg.Plan = plan.Plan{Steps: slices.Clone(workStep), Protocol: mcp.Legacy, Stages: []plan.Stage{{Users: 5, Duration: time.Hour}}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		res, err := prepareAndRun(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
		if !res.Interrupted || res.Calls != 10 || res.Failed != 0 || res.Sessions.Opened != 5 || res.Sessions.Closed != 5 {
			t.Errorf("interrupted %t, %d calls, %d failed, %+v", res.Interrupted, res.Calls, res.Failed, res.Sessions)
		}
		if w := res.Waiting; w == nil || w.Count != 5 || w.Max < 9_600 || w.Max > 9_900 {
			t.Errorf("waiting: %+v, want five calls for 9.8 s", w)
		}
	})
}

// Who watches sees the figures, and can end the run.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := inMemory(t, server(takes(100*time.Millisecond), nil))
		cfg.Watch = func(r *result.Result) string {
			if r.Calls >= 100 {
				return "that is enough"
			}
			return ""
		}
		res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 2, Duration: time.Hour}}})
		if res.Calls < 100 || res.Calls > 130 || !slices.Contains(res.Reasons, "that is enough") || !res.Interrupted {
			t.Errorf("%d calls, %v", res.Calls, res.Reasons)
		}
	})
}

// Steps are called as often as their weights say, and are counted apart.
func TestSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
		sdk.AddTool(s, &sdk.Tool{Name: "work"}, func(context.Context, *sdk.CallToolRequest, nothing) (*sdk.CallToolResult, any, error) {
			return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: "no"}}}, nil, nil
		})
		s.AddResource(&sdk.Resource{URI: "test://a", Name: "a"}, func(context.Context, *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
			time.Sleep(time.Second)
			return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: "test://a", Text: "text"}}}, nil
		})
		s.AddPrompt(&sdk.Prompt{Name: "p"}, func(context.Context, *sdk.GetPromptRequest) (*sdk.GetPromptResult, error) {
			return &sdk.GetPromptResult{Messages: []*sdk.PromptMessage{{Role: "user", Content: &sdk.TextContent{Text: "hi"}}}}, nil
		})
		cfg := inMemory(t, sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{SessionTimeout: sessionTimeout}))
		res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 5, Calls: 200}}, Steps: []plan.Step{
			{Kind: plan.CallTool, Name: "work", Weight: 7}, {Kind: plan.ReadResource, Name: "test://a", Weight: 2}, {Kind: plan.GetPrompt, Name: "p", Weight: 1},
		}})
		for i, share := range []int64{700, 200, 100} {
			step := res.Steps[i]
			if step.Calls < share*8/10 || step.Calls > share*12/10 || (i == 0) != (step.Failed == step.Calls) || (i == 0) != (step.Succeeded == 0) {
				t.Errorf("%s: %+v", step.Label, step)
			}
		}
		if p := res.Steps[1].Latency.P50; p < 999 || p > 1001 || res.ErrorsOf(result.ErrTool) != res.Steps[0].Calls {
			t.Errorf("p50 %f, %v", p, res.Errors)
		}
	})
}

func prepareAndRun(ctx context.Context, cfg Config) (*result.Result, error) {
	r, err := Prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.Run(ctx)
}
