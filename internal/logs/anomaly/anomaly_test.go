package anomaly

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

const (
	types    = 30 // error types of a synthetic log
	logHours = 25
	logs     = 200
)

// synthetic is a stationary log of 25 hours with 30 error types of 1 to 30 events
// an hour, whose counts have the given dispersion.
func synthetic(r *rand.Rand, dispersion float64) *Counter {
	c := &Counter{}
	for m := range logHours * 60 {
		c.Line(start+int64(m)*int64(time.Minute), false)
	}
	for i := range types {
		plant(c, r, fmt.Sprint("type ", i), float64(1+i), dispersion, 0)
	}
	return c
}

var start = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).UnixNano()

// plant adds events of one type from an hour on: a Poisson number of clusters of
// geometric size, whose counts have the given mean an hour and dispersion.
func plant(c *Counter, r *rand.Rand, name string, perHour, dispersion float64, fromHour int) {
	size := (dispersion + 1) / 2
	hours := float64(logHours - fromHour)
	clusters := poisson(r, perHour*hours/size)
	at := make([]int64, clusters)
	for i := range at {
		at[i] = start + int64((float64(fromHour)+r.Float64()*hours)*float64(time.Hour))
	}
	slices.Sort(at)
	for _, t := range at {
		c.Add(t, Key{Kind: "error", Name: name})
		for r.Float64() > 1/size {
			c.Add(t, Key{Kind: "error", Name: name})
		}
	}
}

// poisson draws by counting exponential gaps.
func poisson(r *rand.Rand, mean float64) int {
	n := -1
	for t := 0.0; t < mean; n++ {
		t += r.ExpFloat64()
	}
	return max(0, n)
}

// firstSeed chooses other logs than those on which the thresholds were chosen.
var firstSeed = flag.Uint64("first-seed", 0, "the first of the 200 seeds")

// Of 200 stationary logs at most 5 % have a finding; of 200 rises to three times the
// rate, of 20 events or more, at least 95 % are found, and dated to within two bins.
func TestTruth(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	for _, test := range []struct{ dispersion, perHour float64 }{{1, 15}, {5, 60}} {
		alarms, doubled, found, rises, dated := 0, 0, 0, 0, 0
		for seed := range uint64(logs) {
			r := rand.New(rand.NewPCG(*firstSeed+seed, 1))
			c := synthetic(r, test.dispersion)
			plant(c, r, "rising", test.perHour, test.dispersion, 0)
			if len(Judge(c, Options{}).Findings) > 0 {
				alarms++
			}
			if anyDoubled(c) {
				doubled++
			}
			plant(c, r, "rising", 2*test.perHour, test.dispersion, logHours-1)
			large := slices.ContainsFunc(c.sorted(), func(s *Series) bool {
				return s.Key.Name == "rising" && s.sum(c.last-3600/int(c.width/time.Second), c.last+1) >= 20
			})
			if !large {
				continue
			}
			rises++
			result := Judge(c, Options{})
			for _, f := range result.Findings {
				if f.Key.Name == "rising" && !f.Stopped {
					found++
					if off := f.Since.Sub(time.Unix(0, start).Add((logHours - 1) * time.Hour)); off.Abs() <= 2*c.width+15*time.Minute {
						dated++
					}
				}
			}
		}
		t.Logf("dispersion %g: %d of %d stationary logs have a finding, %d by the rule of twice the baseline; %d of %d rises found, %d dated", test.dispersion, alarms, logs, doubled, found, rises, dated)
		if alarms > logs/20 {
			t.Errorf("dispersion %g: %d of %d stationary logs have a finding", test.dispersion, alarms, logs)
		}
		if found < rises*95/100 {
			t.Errorf("dispersion %g: %d of %d planted rises were found", test.dispersion, found, rises)
		}
	}
}

// anyDoubled is the rule of scripts: the share of an error among all lines is more than
// twice that of the baseline.
func anyDoubled(c *Counter) bool {
	w, _ := c.windows(Options{})
	for _, s := range c.keys {
		if s.sum(w.cut, w.to)/c.lines.sum(w.cut, w.to) > 2*s.sum(w.from, w.cut)/c.lines.sum(w.from, w.cut) {
			return true
		}
	}
	return false
}

func TestStopped(t *testing.T) {
	c := &Counter{}
	start := time.Now().UnixNano()
	for m := range 600 {
		at := start + int64(m)*int64(time.Minute)
		c.Line(at, false)
		if m < 520 {
			c.Add(at, Key{Kind: "template", Name: "heartbeat"})
		}
	}
	r := Judge(c, Options{})
	if len(r.Findings) != 1 || !r.Findings[0].Stopped {
		t.Errorf("a heartbeat that stopped: %+v", r)
	}
}

func TestTooLittle(t *testing.T) {
	c := &Counter{}
	if r := Judge(c, Options{}); r.TooLittle == "" {
		t.Error("an empty log can be compared")
	}
	c.Line(time.Now().UnixNano(), false)
	if r := Judge(c, Options{}); r.TooLittle == "" {
		t.Error("one line can be compared")
	}
}

func TestMaxKeys(t *testing.T) {
	c := &Counter{MaxKeys: 3}
	for i := range 10 {
		c.Add(0, Key{Name: fmt.Sprint(i)})
	}
	if len(c.keys) != 3 || c.Dropped != 7 {
		t.Errorf("%d keys, %d dropped", len(c.keys), c.Dropped)
	}
}

// New messages are findings only where chance does not bring as many: a log in which
// every message is new has none, a log of repeated ones has the new one.
func TestNewTemplates(t *testing.T) {
	for _, test := range []struct {
		name         string
		always, want bool
	}{{"every message is new", true, false}, {"one message is new", false, true}} {
		c := &Counter{}
		for m := range 600 {
			at := start + int64(m)*int64(time.Minute)
			for i := range 3 {
				name := "same"
				if test.always {
					name = fmt.Sprint("message ", m, i)
				}
				c.Line(at, false)
				c.Add(at, Key{Kind: TemplateKind, Name: name})
			}
			if m > 560 {
				c.Line(at, false)
				c.Add(at, Key{Kind: TemplateKind, Name: "new", Error: !test.always})
			}
		}
		found := false
		for _, f := range Judge(c, Options{}).Findings {
			found = found || f.Key.Name == "new"
		}
		if found != test.want {
			t.Errorf("%s: found %v", test.name, found)
		}
	}
}
