package knee

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// model is a server as a Measure: so many workers that take so long for a call.
type model struct {
	workers  int
	serviceS float64
	noise    float64
	rand     *rand.Rand
	collapse int // users from which on calls fail
	limit    int // users that the generator can bear
	tried    []result.Level
}

func (m *model) RunStep(_ context.Context, l result.Level, _ result.Sampling) (result.StepResult, error) {
	m.tried = append(m.tried, l)
	around := func(v float64) float64 { return v * (1 + m.noise*m.rand.NormFloat64()) }
	capacity := float64(m.workers) / m.serviceS
	users := float64(l.Users)
	x, ms := min(users/m.serviceS, capacity), max(m.serviceS, users/capacity)*1000
	if l.Rate > 0 {
		x, ms = min(l.Rate, capacity), m.serviceS*1000
		if l.Rate > capacity {
			ms *= 20
		}
		users = x * ms / 1000
	}
	r := result.StepResult{Level: l, Calls: 1000, Throughput: around(x), Mean: around(ms), P50: around(ms), P90: ms, P95: ms, P99: around(ms * 1.1), InFlight: users}
	if m.collapse > 0 && l.Users >= m.collapse {
		r.ErrorShare = 0.4
	}
	r.Limit = m.limit > 0 && l.Users > m.limit
	return r, nil
}

// Of a server with a known number of workers that take a known time, the knee
// is where all workers are busy: as many users as workers.
func TestKneeOfKnownWorkers(t *testing.T) {
	for _, workers := range []int{2, 4, 7, 8, 16, 50, 64, 100, 300} {
		for seed := range uint64(5) {
			m := &model{workers: workers, serviceS: 0.02, noise: 0.03, rand: plan.NewRand(seed, uint64(workers))}
			k, err := Find(t.Context(), m.RunStep, Config{MaxUsers: 2000})
			if err != nil {
				t.Fatal(err)
			}
			if k.Plateau == nil {
				t.Fatalf("%d workers: no plateau in %+v", workers, k.Steps)
			}
			if off := k.Plateau.Knee/float64(workers) - 1; math.Abs(off) > 0.15 {
				t.Errorf("%d workers, seed %d: the knee is %.1f", workers, seed, k.Plateau.Knee)
			}
			if k.Plateau.Low.Users > workers*115/100 || k.Plateau.High.Users < workers*85/100 {
				t.Errorf("%d workers, seed %d: the knee is said to lie between %s and %s", workers, seed, k.Plateau.Low, k.Plateau.High)
			}
			if len(m.tried) > 25 {
				t.Errorf("%d workers, seed %d: it took %d levels", workers, seed, len(m.tried))
			}
		}
	}
}

func TestKneeOfARate(t *testing.T) {
	m := &model{workers: 10, serviceS: 0.02, noise: 0.01, rand: plan.NewRand(1, 1)}
	k, err := Find(t.Context(), m.RunStep, Config{MaxUsers: 1000, Rate: 10})
	if err != nil {
		t.Fatal(err)
	}
	if k.Plateau == nil || math.Abs(k.Plateau.Knee/500-1) > 0.15 {
		t.Errorf("a server of 500 calls a second: %+v", k.Plateau)
	}
}

// The sentence states each rule only for the levels for which it holds.
func TestKneeSentenceAgreesWithTable(t *testing.T) {
	for _, c := range []struct {
		throughput, p50 []float64 // at 1, 2, 3 … users
		errors          map[int]float64
		want            string
	}{
		{[]float64{600, 1170.9, 785.5, 1181.2, 1154.3}, []float64{2, 2, 4, 4, 6}, nil,
			"At 3 users, throughput fell by more than 10 %; from 4 users on, throughput grew by less than 5 %, latency by more than 20 %."},
		{[]float64{600, 1200, 1190, 1210}, []float64{2, 2, 4, 6}, nil, "From 3 users on, throughput grew by less than 5 %, latency by more than 20 %."},
		{[]float64{600, 1200, 1190, 1210, 700}, []float64{2, 2, 4, 6, 9}, map[int]float64{4: 0.4},
			"From 3 to 4 users, throughput grew by less than 5 %, latency by more than 20 %; at 5 users, more than 10 % of the calls failed."},
	} {
		k := &Knee{}
		for i, x := range c.throughput {
			k.Steps = append(k.Steps, Step{StepResult: result.StepResult{Level: result.Level{Users: i + 1}, Calls: 1000, Throughput: x, P50: c.p50[i], ErrorShare: c.errors[i]}})
		}
		k.judge()
		if got := strings.Join(k.conclusions(), " "); !strings.HasSuffix(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestKneeObjective(t *testing.T) {
	for _, c := range []struct {
		objective  string
		pass, fail int
	}{
		// With 10 workers of 20 ms, p99 is 22 ms up to 10 users and 2.2 ms a user from there.
		{"p99<100ms", 45, 46},
		{"p99<100ms,errors<1%", 38, 39}, // errors begin at 39
		{"p99<10ms", 0, 1},
		{"p99<1h", 400, 0},
	} {
		m := &model{workers: 10, serviceS: 0.02, rand: plan.NewRand(1, 1)}
		if strings.Contains(c.objective, "errors") {
			m.collapse = 39
		}
		objectives, err := plan.ParseObjectives(c.objective)
		if err != nil {
			t.Fatal(err)
		}
		k, err := Find(t.Context(), m.RunStep, Config{MaxUsers: 400, Objectives: objectives, Text: c.objective})
		if err != nil {
			t.Fatal(err)
		}
		users := func(l *result.Level) int {
			if l == nil {
				return 0
			}
			return l.Users
		}
		pass, fail := users(k.Objective.LastPassing), users(k.Objective.FirstFailing)
		if pass > c.pass || float64(pass) < float64(c.pass)*0.95-1 || fail < c.fail || float64(fail) > float64(c.fail)*1.05+1 {
			t.Errorf("%s holds to %d and fails from %d, want %d and %d", c.objective, pass, fail, c.pass, c.fail)
		}
		if want := map[bool]result.Verdict{true: result.VerdictCrossed, false: result.VerdictOK}[c.pass == 0]; k.Verdict != want {
			t.Errorf("%s: the verdict is %s, want %s", c.objective, k.Verdict, want)
		}
	}
}

func TestKneeSaysWhatItDoesNotKnow(t *testing.T) {
	for name, c := range map[string]struct {
		model   model
		max     int
		verdict result.Verdict
		warning string
	}{
		"beyond":    {model{workers: 1000, serviceS: 0.02}, 50, result.VerdictOK, "throughput still grew at 50 users"},
		"generator": {model{workers: 1000, serviceS: 0.02, limit: 20}, 500, result.VerdictWithheld, ""},
	} {
		c.model.rand = plan.NewRand(1, 1)
		k, err := Find(t.Context(), c.model.RunStep, Config{MaxUsers: c.max})
		if err != nil {
			t.Fatal(err)
		}
		if k.Verdict != c.verdict || k.Plateau != nil || !strings.Contains(fmt.Sprint(k.Warnings), c.warning) {
			t.Errorf("%s: verdict %s, plateau %v, warnings %q", name, k.Verdict, k.Plateau, k.Warnings)
		}
	}
}

// An interrupted search says what it has seen until then.
func TestInterruptedSearch(t *testing.T) {
	for _, c := range []struct {
		after   int // measurements that end; the first is the warm-up
		waiting *result.Latency
		verdict result.Verdict
		want    string
	}{
		{0, nil, result.VerdictWithheld, "At 1 user 40 of 40 calls had succeeded.\nNo verdict: interrupted before a level was measured"},
		{1, &result.Latency{Count: 1, Max: 2700}, result.VerdictWithheld, "At 1 user 40 of 40 calls had succeeded, not counting 1 call that was waiting for 2.7s.\nNo verdict"},
		{3, nil, result.VerdictOK, "It does not bend up to 2 users.\nInterrupted: the search did not finish. At 3 users 40 of 40 calls had succeeded."},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		m := &model{workers: 50, serviceS: 0.02, rand: plan.NewRand(1, 1)}
		measure := func(ctx context.Context, l result.Level, s result.Sampling) (result.StepResult, error) {
			r, err := m.RunStep(ctx, l, s)
			if len(m.tried) > c.after {
				cancel()
				r.Calls, r.Interrupted, r.Waiting = 40, true, c.waiting
			}
			return r, err
		}
		k, err := Find(ctx, measure, Config{MaxUsers: 100})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := k.Text(&text, false); err != nil || k.Verdict != c.verdict || !strings.Contains(text.String(), c.want) || strings.Contains(text.String(), "No call succeeded") {
			t.Errorf("interrupted after %d: %s, %v in\n%s", c.after, k.Verdict, err, text.String())
		}
	}
}

func TestLevelsGrow(t *testing.T) {
	l, ok := result.Level{Users: 1}, true
	var users []int
	for ok {
		users = append(users, l.Users)
		l, ok = l.Next(50)
	}
	if got := fmt.Sprint(users); got != "[1 2 3 5 8 12 18 27 41 50]" {
		t.Errorf("the levels are %s", got)
	}
}

func TestLittlesLawIsChecked(t *testing.T) {
	k := &Knee{Steps: []Step{newStep(result.StepResult{Level: result.Level{Users: 10}, Calls: 1000, Throughput: 100, Mean: 50, P50: 50, InFlight: 10}, nil)}}
	k.judge()
	if !strings.Contains(fmt.Sprint(k.Warnings), "at 10 users throughput × latency is 0.50 of the calls in flight") {
		t.Errorf("half of the calls in flight are unaccounted for, and the warnings are %q", k.Warnings)
	}
}

// unsteady is a server that is slow at one load, so many times.
type unsteady struct {
	model
	at, times int
}

func (u *unsteady) RunStep(ctx context.Context, l result.Level, enough result.Sampling) (result.StepResult, error) {
	r, err := u.model.RunStep(ctx, l, enough)
	if l.Users == u.at && u.times > 0 {
		u.times--
		r.P99 = 900
	}
	return r, err
}

// A level that fails where a greater load holds is measured again, and where it
// stays so there is no verdict. The first calls of a server are not counted.
func TestKneeContradicted(t *testing.T) {
	for _, c := range []struct {
		name      string
		at, times int
		want      result.Verdict
	}{
		{"cold", 1, 1, result.VerdictOK},
		{"slow for a while", 3, 2, result.VerdictOK},
		{"slow at the least load", 1, 3, result.VerdictOK},
		{"always slow there", 3, 100, result.VerdictWithheld},
	} {
		u := &unsteady{model: model{workers: 50, serviceS: 0.02, rand: plan.NewRand(1, 1)}, at: c.at, times: c.times}
		objectives, err := plan.ParseObjectives("p99<200ms")
		if err != nil {
			t.Fatal(err)
		}
		k, err := Find(t.Context(), u.RunStep, Config{MaxUsers: 30, Objectives: objectives, Text: "p99<200ms"})
		if err != nil {
			t.Fatal(err)
		}
		if k.Verdict != c.want {
			t.Errorf("%s: the verdict is %s (%v), want %s", c.name, k.Verdict, k.Reasons, c.want)
		}
		if said := strings.Join(k.conclusions(), " "); c.want == result.VerdictOK && !strings.Contains(said, "holds up to 30 users") {
			t.Errorf("%s: %s", c.name, said)
		}
	}
}

// All figures of the headline are those of one row, with their spread; nothing is a
// green OK where nothing was required.
func TestHeadlineIsOneRow(t *testing.T) {
	t.Parallel()
	step := func(users int, throughput, p50 float64) Step {
		s := result.StepResult{Level: result.Level{Users: users}, Calls: 1000, Throughput: throughput, P50: p50, P99: p50, InFlight: float64(users)}
		s.Parts = &result.Spread{Least: throughput * 0.95, Greatest: throughput * 1.05}
		return newStep(s, nil)
	}
	k := &Knee{Steps: []Step{step(1, 100, 10), step(3, 295, 10), step(5, 480, 10.5), step(8, 490, 16), step(12, 495, 24)}}
	k.judge()
	const want = "5 users (3 to 5): 480.0 calls/s (456.0 to 504.0)"
	if got := k.headline(); got != want {
		t.Errorf("the headline is %q, want %q", got, want)
	}
	if said := strings.Join(k.conclusions(), " "); !strings.Contains(said, "It bends at "+want+". From 8 users on, ") {
		t.Errorf("the conclusions are %q", said)
	}
	if rep := k.Report(); rep.Headline != "Knee: "+want {
		t.Errorf("the report's headline is %q", rep.Headline)
	}
	var page strings.Builder
	if err := k.HTML(&page); err != nil || !strings.Contains(page.String(), ">Measured<") || strings.Contains(page.String(), ">OK<") {
		t.Errorf("the page has the badge OK: %v", err)
	}
}
