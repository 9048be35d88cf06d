package k6

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

// k6Scenario is a k6 executor with its settings.
type k6Scenario map[string]any

// k6Options are the scenarios, one a stage, and the thresholds.
func options(p *plan.Plan, d *k6Data) (map[string]any, error) {
	scenarios := map[string]k6Scenario{}
	start := time.Duration(0)
	if p.Warmup > 0 {
		first := p.Stages[0]
		warm := plan.Stage{Users: first.Users, Rate: first.Rate, Duration: p.Warmup}
		d.add(scenarios, "warmup", warm, plan.Stage{}, start, 1, 0)
		start += p.Warmup
	}
	byCalls := len(p.Stages) == 1 && p.Stages[0].Duration == 0
	rounds := p.Rounds
	if byCalls {
		rounds = 1 // rounds are inside a user's iteration, as their end is unknown
		d.add(scenarios, "stage1", p.Stages[0], plan.Stage{}, start, p.Rounds, p.Delay)
	}
	for round := 1; round <= rounds && !byCalls; round++ {
		before := plan.Stage{}
		for i, s := range p.Stages {
			if s.Duration == 0 && (i < len(p.Stages)-1 || rounds > 1) {
				return nil, fmt.Errorf("stage %d ends by its calls, and k6 wants to know when the next one begins; give it a duration", i+1)
			}
			name := fmt.Sprintf("stage%d", i+1)
			if rounds > 1 {
				name = fmt.Sprintf("round%d_%s", round, name)
			}
			d.add(scenarios, name, s, before, start, 1, 0)
			start += s.Duration
			before = s
		}
		start += p.Delay
	}
	return map[string]any{
		"scenarios": scenarios, "thresholds": thresholds(p), "noCookiesReset": true,
		"summaryTrendStats": []string{"avg", "min", "med", "max", "p(90)", "p(95)", "p(99)", "p(99.9)"},
	}, nil
}

// longStage bounds a stage that its calls end.
const longStage = 24 * time.Hour

func (d *k6Data) add(scenarios map[string]k6Scenario, name string, s, before plan.Stage, start time.Duration, rounds int, delay time.Duration) {
	d.Stages[name] = k6Stage{
		Users: s.Users, Calls: s.Calls, Duration: s.Duration.Seconds(), RampUp: s.RampUp.Seconds(),
		Rounds: rounds, Delay: delay.Seconds(), Counts: name != "warmup",
	}
	if s.Rate > 0 {
		scenarios[name] = arrivalRate(&s, before, start)
		return
	}
	most := s.Duration + exchangeTimeout
	if s.Duration == 0 {
		most = longStage
	}
	scenarios[name] = k6Scenario{
		"executor": "per-vu-iterations", "exec": "user", "vus": s.Users, "iterations": 1,
		"startTime": start.String(), "maxDuration": most.String(), "gracefulStop": exchangeTimeout.String(),
	}
}

// k6Rate is a stage with a rate; k6 has whole numbers a unit of time.
func arrivalRate(s *plan.Stage, before plan.Stage, start time.Duration) k6Scenario {
	unit, per := "1s", 1.0
	for _, u := range []struct {
		name string
		per  float64
	}{{"1s", 1}, {"1m", 60}, {"1h", 3600}} {
		unit, per = u.name, u.per
		if v := s.Rate * per; math.Abs(v-math.Round(v)) < 1e-6 {
			break
		}
	}
	rate := max(int(math.Round(s.Rate*per)), 1)
	out := k6Scenario{
		"exec": "arrival", "timeUnit": unit, "preAllocatedVUs": s.Users, "maxVUs": s.Users,
		"startTime": start.String(), "gracefulStop": exchangeTimeout.String(),
	}
	if s.RampUp == 0 {
		out["executor"], out["rate"], out["duration"] = "constant-arrival-rate", rate, s.Duration.String()
		return out
	}
	out["executor"], out["startRate"] = "ramping-arrival-rate", int(math.Round(before.Rate*per))
	out["stages"] = []map[string]any{
		{"target": rate, "duration": s.RampUp.String()}, {"target": rate, "duration": (s.Duration - s.RampUp).String()},
	}
	return out
}

// k6Thresholds are the thresholds of the plan on the metrics of the script.
func thresholds(p *plan.Plan) map[string][]any {
	out := map[string][]any{}
	for _, t := range p.Thresholds {
		metric, what := "mcp_latency", t.Metric
		switch t.Metric {
		case "errors":
			metric, what = "mcp_errors", "rate"
		case "rate":
			metric, what = "mcp_calls", "rate"
		case "calls", "failed":
			metric, what = "mcp_"+t.Metric, "count"
		case "mean":
			what = "avg"
		case "max":
		default:
			what = "p(" + strings.TrimPrefix(t.Metric, "p") + ")"
		}
		for i := range p.Steps {
			if t.Step != "" && p.Steps[i].Label() == t.Step {
				metric += "{step:" + tag(&p.Steps[i], i) + "}"
			}
		}
		condition := what + string(t.Op) + strconv.FormatFloat(t.Value, 'f', -1, 64)
		if !p.AbortOnFail {
			out[metric] = append(out[metric], condition)
			continue
		}
		out[metric] = append(out[metric], map[string]any{"threshold": condition, "abortOnFail": true, "delayAbortEval": p.Grace.String()})
	}
	return out
}
