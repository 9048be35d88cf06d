package leaktest

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Schema names the form of the JSON of a Result. It changes when a reader of
// the old form would misread the new one.
const Schema = "mcpdiag.leaktest/1"

// Result is the result of a run: verdict.json, from which all other forms are made.
type Result struct {
	Schema    string        `json:"schema"`
	Verdict   trend.Verdict `json:"verdict"`
	Finding   bool          `json:"finding"` // the exit code is 3
	Sentence  string        `json:"sentence"`
	StartedAt time.Time     `json:"startedAt"`
	DurationS float64       `json:"durationS"`

	Target      Target              `json:"target"`
	Memory      Memory              `json:"memory"`
	Phases      []*judge.Phase      `json:"phases"`
	Causes      []judge.Cause       `json:"causes,omitempty"`
	Explained   []Explained         `json:"explained,omitempty"`
	CPU         *stacks.Hot         `json:"cpu,omitempty"` // under load, with Config.CPUProfile
	Budgets     []judge.BudgetCheck `json:"budgets,omitempty"`
	Baseline    []judge.Comparison  `json:"baseline,omitempty"`
	Series      []Reading           `json:"series"`
	Environment map[string]string   `json:"environment"`
	Files       Files               `json:"files"`
	Command     []string            `json:"command"` // repeats this run

	Interrupted bool     `json:"interrupted,omitempty"`
	Ended       string   `json:"ended,omitempty"` // how the server ended during the run
	Warnings    []string `json:"warnings"`
}

// Target is the server that was tested.
type Target struct {
	URL       string   `json:"url,omitempty"`
	Transport string   `json:"transport"`
	Server    string   `json:"server,omitempty"` // its own name and version
	Protocol  string   `json:"protocol,omitempty"`
	Tool      string   `json:"tool,omitempty"`
	PID       int      `json:"pid"`
	Command   string   `json:"command,omitempty"`
	Started   bool     `json:"startedByUs"`
	Env       []string `json:"env,omitempty"` // variables set for it
}

// Memory is the RSS of the process tree over the run, as common test scripts
// report it. Two points say nothing about a leak.
type Memory struct {
	InitialMB     float64 `json:"initialMB"`
	FinalMB       float64 `json:"finalMB"`
	PeakMB        float64 `json:"peakMB"`
	GrowthMB      float64 `json:"growthMB"`
	GrowthPercent float64 `json:"growthPercent"`
}

// Reading is the memory of the process tree at one time.
type Reading struct {
	T  float64 `json:"t"`
	MB float64 `json:"mb"`
}

// Files are the names of the files of a run in its folder.
type Files struct {
	Folder  string   `json:"folder"`
	Memory  string   `json:"memory,omitempty"`
	LoadLog string   `json:"loadLog,omitempty"`
	Server  string   `json:"serverLog,omitempty"`
	Trace   string   `json:"trace,omitempty"`
	Flame   string   `json:"flame,omitempty"`
	CPU     string   `json:"cpu,omitempty"` // flame graph of the CPU profile
	Rounds  []string `json:"rounds,omitempty"`
}

// remember sets the memory figures of the run.
func (r *Result) remember(w *watch) {
	r.Memory = Memory{InitialMB: w.first, FinalMB: w.now, PeakMB: w.peak, GrowthMB: w.now - w.first}
	if w.first > 0 {
		r.Memory.GrowthPercent = 100 * r.Memory.GrowthMB / w.first
	}
}

// conclude judges the run by its phases.
func (r *Result) conclude() {
	judge.Explain(r.Phases)
	s := r.summary()
	r.Verdict, r.Sentence = s.Verdict, s.Sentence()
	r.Causes = judge.CausesOf(r.Phases)
}

func (r *Result) summary() judge.Summary { return judge.Summarize(r.Phases, r.Ended) }

// check decides whether the run is a finding: a leak that no budget allows, a
// budget that is exceeded, or a phase that is worse than before.
func (r *Result) check(cfg *Config) {
	r.Budgets = judge.CheckBudgets(r.Phases, cfg.Budgets)
	if cfg.Baseline != nil {
		var warnings []string
		r.Baseline, warnings = judge.Compare(r.Phases, cfg.Baseline.Phases)
		r.Warnings = append(r.Warnings, warnings...)
	}
	for _, b := range r.Budgets {
		r.Finding = r.Finding || b.Verdict == judge.Over
	}
	for _, c := range r.Baseline {
		r.Finding = r.Finding || c.Worse
	}
	for _, p := range r.Phases {
		r.Finding = r.Finding || judge.Faulty(p, r.Budgets)
	}
}
