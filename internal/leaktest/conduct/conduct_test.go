package conduct

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// What the operations of a mixed load come with is said, with sessions or without.
func TestShares(t *testing.T) {
	t.Parallel()
	p := judge.Phase{}
	count(&p, &load.Batch{Done: 8, Sessions: 2, Discovers: 4})
	if want := []judge.Share{{Per: "session", Of: 0.25}, {Per: "server/discover", Of: 0.5}}; !slices.Equal(p.Shares, want) {
		t.Errorf("%+v, want %+v", p.Shares, want)
	}
	count(&p, &load.Batch{Done: 8, Discovers: 2})
	if want := []judge.Share{{Per: "server/discover", Of: 0.25}}; !slices.Equal(p.Shares, want) {
		t.Errorf("%+v, want %+v", p.Shares, want)
	}
}

// fake is a server in virtual time: each operation takes a time, and keeps memory
// for a time.
type fake struct {
	each    time.Duration  // of an operation
	keepMB  float64        // per operation
	keepFor time.Duration  // 0 is for ever
	clear   time.Duration  // all is released at this interval, 0 for never
	cap     int            // operations that keep memory, 0 for all
	quiet   bool           // its live heap has no noise
	sticky  bool           // the process does not return memory to the system
	freeMB  float64        // that the process holds at the start, for the first operations
	noise   func() float64 // in MB, nil for hardly any
	garbage float64        // MB that the server collects when it idles for 5 s
	files   float64        // kept per operation
	warmMB  float64        // taken by the first operations
	limitMB float64        // the load stops there
	dieMB   float64        // the server dies of lack of memory
	start   time.Time
	made    []made
	total   int
	peak    float64
	ended   string
}

type made struct {
	at time.Time
	n  int
}

// kept returns the operations whose memory is still held.
func (f *fake) kept() int {
	n := 0
	for _, m := range f.made {
		held := f.keepFor == 0 || time.Since(m.at) < f.keepFor
		if f.clear > 0 {
			held = time.Since(f.start)/f.clear == m.at.Sub(f.start)/f.clear
		}
		if held {
			n += m.n
		}
	}
	if f.cap > 0 {
		return min(n, f.cap)
	}
	return n
}

func (f *fake) memory() float64 {
	if f.ended != "" {
		return 0
	}
	noise := []float64{0, 0.03, 0.01, 0.02}[len(f.made)%4]
	if f.noise != nil {
		noise = f.noise()
	}
	mb := 50 + f.warmMB*min(1, float64(f.total)/500) + max(f.freeMB, f.keepMB*float64(f.kept())) + noise
	if n := len(f.made); n > 0 && time.Since(f.made[n-1].at) < 5*time.Second {
		mb += f.garbage
	}
	f.peak = max(f.peak, mb)
	if f.sticky {
		return f.peak
	}
	return mb
}

func (f *fake) run(ctx context.Context, _ *load.Operation, n int) (load.Batch, bool) {
	from, b, full := time.Now(), load.Batch{}, false
	for range n {
		if ctx.Err() != nil || full || f.ended != "" {
			break
		}
		time.Sleep(f.each)
		f.made, f.total = append(f.made, made{time.Now(), 1}), f.total+1
		b.Done++
		full = f.limitMB > 0 && f.memory() > f.limitMB
		if f.dieMB > 0 && f.memory() > f.dieMB {
			f.ended = "the server ended during the run: killed"
		}
	}
	b.Took = time.Since(from)
	f.compact()
	return b, full
}

// compact merges the operations of a second.
func (f *fake) compact() {
	var merged []made
	for _, m := range f.made {
		if last := len(merged) - 1; last >= 0 && m.at.Sub(merged[last].at) < time.Second {
			merged[last].n += m.n
			continue
		}
		merged = append(merged, m)
	}
	f.made = merged
}

func (f *fake) settle(ctx context.Context, wait time.Duration) Reading {
	Pause(ctx, wait)
	files := 10 + f.files*float64(f.kept())
	return Reading{Round: judge.Round{TreeMB: f.memory(), RootMB: f.memory(), Processes: 1, Files: &files}}
}

// conductor returns a conductor of f, and its warnings.
func (f *fake) conductor(cfg Config) (*Conductor, *[]string) {
	var warnings []string
	f.start = time.Now()
	c := &Conductor{Config: cfg, Warn: func(text string) { warnings = append(warnings, text) }, Server: Server{
		Run: f.run, Settle: f.settle, Memory: f.memory, Files: func() float64 { return 10 + f.files*float64(f.kept()) }, FileLimit: 1024,
		Begin: func(context.Context, *load.Operation) {}, End: func(context.Context, *load.Operation) {},
		Collectors: func() (float64, func() bool) { return 0, func() bool { return false } },
		Ended:      func() (string, bool) { return f.ended, f.dieMB > 0 },
	}}
	return c, &warnings
}

func usual() Config {
	return Config{Users: 40, Calls: 10, Settle: 3 * time.Second, LiveSettle: 1500 * time.Millisecond, Hold: 90 * time.Second, MaxTime: 15 * time.Minute, MaxMB: 4000}
}

func task(t *testing.T, id string) Task {
	t.Helper()
	found, err := load.Find([]string{id})
	if err != nil {
		t.Fatal(err)
	}
	return Task{Operation: found[0], Per: found[0].Per, Does: found[0].Does}
}

// conduct tries one load on f.
func conduct(t *testing.T, f *fake, cfg Config, ids ...string) (*Conductor, []string) {
	t.Helper()
	c, warnings := f.conductor(cfg)
	var tasks []Task
	for _, id := range ids {
		tasks = append(tasks, task(t, id))
	}
	c.Conduct(t.Context(), time.Now(), tasks, func(*Task, []Task) []Task { return nil })
	return c, *warnings
}

// What servers of known shapes are called.
func TestShapes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fake   fake
		want   trend.Verdict
		reason string
	}{
		"flat":                       {fake{each: 2 * time.Millisecond}, trend.NoLeak, ""},
		"warm-up":                    {fake{each: 2 * time.Millisecond, warmMB: 60}, trend.NoLeak, ""},
		"leak":                       {fake{each: 2 * time.Millisecond, keepMB: 0.01}, trend.Leak, trend.Rising},
		"small leak":                 {fake{each: 2 * time.Millisecond, keepMB: 0.001}, trend.Leak, trend.Rising},
		"held for 30 s":              {fake{each: 2 * time.Millisecond, keepMB: 0.01, keepFor: 30 * time.Second}, trend.NoLeak, ""},
		"held for a minute":          {fake{each: 2 * time.Millisecond, keepMB: 0.01, keepFor: time.Minute}, trend.NoLeak, ""},
		"much that is held for 85 s": {fake{each: 2 * time.Millisecond, keepMB: 0.1, keepFor: 85 * time.Second}, trend.NoLeak, judge.Released},
		"much that is held for 85 s, and RSS stays": {fake{each: 2 * time.Millisecond, keepMB: 0.1, keepFor: 85 * time.Second, sticky: true}, trend.NoLeak, judge.Released},
		"leak, and garbage that is collected late":  {fake{each: 2 * time.Millisecond, keepMB: 0.003, garbage: 22}, trend.Leak, trend.Rising},
		"cache that fills in 100 s":                 {fake{each: 2 * time.Millisecond, keepMB: 0.002, cap: 20_000}, trend.NoLeak, ""},
		"cache of 160 MB":                           {fake{each: time.Millisecond, keepMB: 0.002, cap: 80_000}, trend.NoLeak, ""},
		"cache of large entries":                    {fake{each: 2 * time.Millisecond, keepMB: 0.03, cap: 5_000}, trend.NoLeak, ""},
		"all released every 75 s":                   {fake{each: time.Millisecond / 2, keepMB: 0.02, clear: 75 * time.Second}, trend.NoLeak, judge.Released},
		"files that it keeps":                       {fake{each: 2 * time.Millisecond, files: 1}, trend.Leak, judge.Counted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := c.fake
				got, _ := conduct(t, &f, usual(), "call")
				p := got.Phases[0]
				if p.Verdict() != c.want || c.reason != "" && p.Trend.Reasons[0].Code != c.reason {
					t.Errorf("%s after %d rounds and %s, want %s: %+v, hold %+v", p.Sentence(), p.RoundsDone(), time.Since(f.start), c.want, p.Trend.Reasons, p.Hold)
				}
			})
		})
	}
}

// Where the noise of RSS hides a small leak from rounds of the usual length, longer ones
// show it. A cache and a flat server in the same noise are no leak.
func TestNoise(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fake fake
		leak bool
	}{
		"leak":                              {fake{each: time.Millisecond, keepMB: 0.0002}, true},
		"flat":                              {fake{each: time.Millisecond}, false},
		"cache of 60,000 entries":           {fake{each: time.Millisecond, keepMB: 0.0002, cap: 60_000}, false},
		"held for a minute":                 {fake{each: time.Millisecond, keepMB: 0.0002, keepFor: time.Minute}, false},
		"all released every 75 s, in noise": {fake{each: time.Millisecond, keepMB: 0.0002, clear: 75 * time.Second}, false},
	} {
		for _, seed := range []uint64{5, 10, 11} { // with rounds of the usual length the leak stays undecided
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f, random, drift := c.fake, rand.New(rand.NewPCG(seed, 1)), 0.0
					f.noise = func() float64 {
						drift = 0.8*drift + 0.5*random.NormFloat64()
						return drift + 1.5*random.NormFloat64()
					}
					got, _ := conduct(t, &f, usual(), "call")
					if p := got.Phases[0]; (p.Verdict() == trend.Leak) != c.leak {
						t.Errorf("%s after %d rounds: %+v", p.Sentence(), p.RoundsDone(), p.Trend.Reasons)
					}
				})
			})
		}
	}
}

// A leak is believed only after the hold time, and the run says so when there was no
// time for it.
func TestHoldTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{each: 2 * time.Millisecond, keepMB: 0.01}
		c, warnings := conduct(t, f, usual(), "call")
		p := c.Phases[0]
		if p.Hold == nil || p.Hold.Seconds < 90 || p.Hold.Seconds > 95 || !p.Hold.Kept() || len(warnings) != 0 {
			t.Errorf("hold %+v, warnings %q", p.Hold, warnings)
		}
		cfg := usual()
		cfg.MaxTime = 2 * time.Minute
		f = &fake{each: 2 * time.Millisecond, keepMB: 0.01}
		c, warnings = conduct(t, f, cfg, "call")
		if p := c.Phases[0]; p.Hold != nil || p.Verdict() != trend.Undecided || !strings.Contains(p.Trend.Reasons[0].Text, "released later is not ruled out") {
			t.Errorf("%s, hold %+v, warnings %q", p.Sentence(), p.Hold, warnings)
		}
	})
}

// Rounds end in time for the hold time.
func TestRoundsLeaveTimeToHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := usual()
		cfg.MaxTime = 150 * time.Second
		f := &fake{each: 2 * time.Millisecond, keepMB: 0.02}
		c, warnings := conduct(t, f, cfg, "call")
		if p := c.Phases[0]; p.Hold == nil || p.Verdict() != trend.Leak || p.RoundsDone() < leastRounds {
			t.Errorf("%s after %d rounds, %s, warnings %q", p.Sentence(), p.RoundsDone(), p.Doubt, warnings)
		}
	})
}

// A leak is not believed where the run was interrupted before the hold time was over.
func TestInterruptedBeforeHold(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"in a round": time.Minute, "in the hold time": 2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, _ := (&fake{each: 2 * time.Millisecond, keepMB: 0.05}).conductor(usual())
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				c.Conduct(ctx, time.Now(), []Task{task(t, "call")}, func(*Task, []Task) []Task { return nil })
				if p := c.Phases[0]; p.RoundsDone() < leastRounds || p.Verdict() != trend.Undecided || !strings.Contains(p.Doubt, "the run was interrupted before the server had idled for --hold 1m30s") {
					t.Errorf("%s after %d rounds: %s", p.Sentence(), p.RoundsDone(), p.Doubt)
				}
			})
		})
	}
}

// A machine without time for the load fills no cache.
func TestStarved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for missed, want := range map[float64]trend.Verdict{0.02: trend.Leak, 0.3: trend.Undecided} {
			f := &fake{each: 100 * time.Millisecond, keepMB: 0.02}
			c, _ := f.conductor(usual())
			c.Server.Missed = func() float64 { return missed }
			c.Conduct(t.Context(), time.Now(), []Task{task(t, "call")}, func(*Task, []Task) []Task { return nil })
			if p := c.Phases[0]; p.Verdict() != want {
				t.Errorf("%.0f %% of the samples are missing: %s %+v", 100*missed, p.Sentence(), p.Trend.Reasons)
			}
		}
	})
}

// Rounds fit the memory that the server may take, the limit of its heap and the limit
// of open files.
func TestRoundsFit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fake  fake
		heap  float64
		most  int
		least int
	}{
		"nothing is kept": {fake{each: 2 * time.Millisecond}, 0, 1200, 800},
		"memory":          {fake{each: 2 * time.Millisecond, keepMB: 1}, 0, 130, 60},
		"heap limit":      {fake{each: 2 * time.Millisecond, keepMB: 1}, 256, 10, 3},
		"files":           {fake{each: 2 * time.Millisecond, files: 1}, 0, 35, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, cfg := c.fake, usual()
				cfg.HeapMB, cfg.Hold = c.heap, 0
				got, _ := conduct(t, &f, cfg, "call")
				p := got.Phases[0]
				// Later rounds may be longer, where it may be a cache that fills.
				if n := int(p.Rounds[5].Operations - p.Rounds[4].Operations); n > c.most || n < c.least {
					t.Errorf("%d operations in a round, want %d to %d", n, c.least, c.most)
				}
			})
		})
	}
}

// Rounds shrink if operations keep more than the calibration saw, so that there are
// enough of them below the memory limit.
func TestRoundsShrink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, cfg := &fake{each: time.Millisecond / 4, keepMB: 0.0625, freeMB: 100, limitMB: 2000}, usual()
		cfg.MaxMB = 2000
		got, warnings := conduct(t, f, cfg, "call")
		if p := got.Phases[0]; p.Verdict() != trend.Leak || p.RoundsDone() < leastRounds {
			t.Errorf("%s after %d rounds, warnings %q", p.Sentence(), p.RoundsDone(), warnings)
		}
	})
}

// Rounds stop at the memory limit, and at the death of the server, which is a leak if
// memory ran out on a straight line.
func TestEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := usual()
		cfg.Fixed, cfg.Rounds = true, 12
		f := &fake{each: time.Millisecond, keepMB: 0.25, limitMB: 500}
		c, _ := conduct(t, f, cfg, "everyday")
		if p := c.Phases[0]; !c.Full || p.RoundsDone() > 6 {
			t.Errorf("full %t after %d rounds", c.Full, p.RoundsDone())
		}
		f = &fake{each: time.Millisecond, keepMB: 0.25, dieMB: 700}
		c, warnings := conduct(t, f, cfg, "everyday", "closed")
		p := c.Phases[0]
		if p.Verdict() != trend.Leak || p.Trend.Reasons[0].Code != judge.OutOfMemory || c.Ended == "" || p.Ended != c.Ended {
			t.Errorf("%s: %+v", p.Sentence(), p.Trend.Reasons)
		}
		if want := []string{c.Ended, "not tried: closed"}; !slices.Equal(warnings, want) {
			t.Errorf("warnings %q, want %q", warnings, want)
		}
	})
}

// The hold time of a leak does not take the time of the loads after it.
func TestTimeIsSpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := usual()
		cfg.MaxTime = 210 * time.Second
		f := &fake{each: 2 * time.Millisecond, keepMB: 0.01}
		c, warnings := conduct(t, f, cfg, "call", "closed", "failed-call")
		if len(c.Phases) != 3 || c.Phases[0].Hold != nil || !strings.Contains(c.Phases[0].Doubt, "there was no time to wait for --hold") {
			t.Errorf("%d phases, hold %+v, warnings %q", len(c.Phases), c.Phases[0].Hold, warnings)
		}
	})
}

// A run that cannot finish in time says so before it starts, and how long it needs.
func TestTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := usual()
		cfg.MaxTime, cfg.Expiry = 2*time.Minute, 30*time.Second
		_, warnings := conduct(t, &fake{each: 2 * time.Millisecond}, cfg, "call", "abandoned", "closed")
		if len(warnings) == 0 || !strings.HasPrefix(warnings[0], "the run needs at least 7m") || !strings.Contains(warnings[0], "--max-time 8m0s allows all of it") {
			t.Errorf("warnings %q", warnings)
		}
	})
}

// The first Ctrl-C ends a phase at once.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{each: 2 * time.Millisecond}
		c, warnings := f.conductor(usual())
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c.Conduct(ctx, time.Now(), []Task{task(t, "call"), task(t, "closed")}, func(*Task, []Task) []Task { return nil })
		if took := time.Since(f.start); took > 21*time.Second || !slices.Equal(*warnings, []string{"the run was interrupted", "not tried: closed"}) {
			t.Errorf("after %s: %q", took, *warnings)
		}
	})
}
