package conduct

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// settleLive is settle of a server whose live heap is known: what the operations keep
// is there, with little noise, while RSS moves by many MB. nativeMB is kept outside of it.
func (f *fake) settleLive(nativeMB float64) func(context.Context, time.Duration) Reading {
	return func(ctx context.Context, wait time.Duration) Reading {
		Pause(ctx, wait)
		kept := f.keepMB * float64(f.kept())
		live := 17 + kept
		if !f.quiet {
			live += []float64{0, 0.15, 0.05, 0.1, 0.02}[f.total%5]
		}
		rss := 90 + kept + nativeMB*float64(f.total) + []float64{4, 14, 0, 9, 17, 2, 11}[(f.total/7)%7]
		return Reading{Round: judge.Round{TreeMB: rss, RootMB: rss, LiveMB: &live, Processes: 1}}
	}
}

// What servers of known shapes are called by their live heap.
func TestLiveShapes(t *testing.T) {
	t.Parallel()
	const each = 2 * time.Millisecond
	for name, c := range map[string]struct {
		fake   fake
		native float64
		want   trend.Verdict
		by     judge.Basis
		most   time.Duration
	}{
		"flat":                      {fake{each: each}, 0, trend.NoLeak, judge.ByLive, 2 * time.Minute},
		"leak of 128 bytes":         {fake{each: each, keepMB: 128.0 / mib}, 0, trend.Leak, judge.ByLive, 15 * time.Minute},
		"93 bytes of slow calls":    {fake{each: 6 * each, keepMB: 93.0 / mib, quiet: true}, 0, trend.Leak, judge.ByLive, 15 * time.Minute},
		"leak of 10 KB":             {fake{each: each, keepMB: 0.01}, 0, trend.Leak, judge.ByLive, 5 * time.Minute},
		"cache of 40 MB":            {fake{each: each, keepMB: 0.002, cap: 20_000}, 0, trend.NoLeak, judge.ByLive, 15 * time.Minute},
		"cache that fills slowly":   {fake{each: each, keepMB: 0.001, cap: 40_000}, 0, trend.NoLeak, judge.ByLive, 15 * time.Minute},
		"cache of 160 MB":           {fake{each: each, keepMB: 0.002, cap: 80_000}, 0, trend.NoLeak, judge.ByLive, 15 * time.Minute},
		"cache of large entries":    {fake{each: each, keepMB: 0.03, cap: 5_000}, 0, trend.NoLeak, judge.ByLive, 15 * time.Minute},
		"all released each minute":  {fake{each: time.Millisecond / 2, keepMB: 0.02, clear: time.Minute}, 0, trend.NoLeak, judge.ByLive, 15 * time.Minute},
		"all released in 2 minutes": {fake{each: time.Millisecond / 2, keepMB: 0.02, clear: 2 * time.Minute}, 0, trend.Undecided, judge.ByLive, 15 * time.Minute},
		"held for 85 s":             {fake{each: each, keepMB: 0.02, keepFor: 85 * time.Second}, 0, trend.NoLeak, judge.ByLive, 15 * time.Minute},
		"leak of memory besides":    {fake{each: each}, 0.01, trend.Leak, judge.ByRSS, 15 * time.Minute},
		"a little besides is none":  {fake{each: each}, 0.0005, trend.NoLeak, judge.ByLive, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := c.fake
				conductor, _ := f.conductor(usual())
				conductor.Server.Settle = f.settleLive(c.native)
				conductor.Conduct(t.Context(), time.Now(), []Task{task(t, "call")}, func(*Task, []Task) []Task { return nil })
				p := conductor.Phases[0]
				if took := time.Since(f.start); p.Verdict() != c.want || p.By != c.by || took > c.most {
					t.Errorf("%s by %s after %d rounds and %s, want %s by %s: %+v, hold %+v", p.Sentence(), p.By, p.RoundsDone(), took, c.want, c.by, p.Trend.Reasons, p.Hold)
				}
			})
		})
	}
}
