package leaktest

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

func (r *Result) causePart(page *report.Page) {
	for i, c := range r.Causes {
		if i == 0 {
			page.Heading("What it usually means, and where to look")
		}
		page.List(report.Plain, "Kept per "+c.Per+". "+c.Means, c.Look)
	}
}

// countPart adds the counts before and after.
func (r *Result) countPart(page *report.Page) {
	chart, some := r.countChart()
	if !some {
		return
	}
	page.Heading("Sessions, sockets, files, processes")
	if len(chart.Lines) == 0 {
		page.Paragraph(report.Plain, "None of them changed.")
		return
	}
	page.Chart(chart)
	var rows [][]string
	for _, p := range r.Phases {
		for _, c := range p.Counts {
			if c.Before != c.After {
				note := ""
				if c.Kept {
					note = "accumulates"
				}
				rows = append(rows, []string{p.ID, c.What, fmt.Sprintf("%.0f", c.Before), fmt.Sprintf("%.0f", c.After), note})
			}
		}
	}
	page.Table(map[int]bool{2: true, 3: true}, []string{"load", "count", "before", "after", ""}, rows, nil)
}

func (r *Result) latencyPart(page *report.Page) {
	page.Heading("Latency")
	chart := r.latencyChart()
	if !slices.ContainsFunc(chart.Lines[0].Points, func(v [2]float64) bool { return !math.IsNaN(v[1]) }) {
		page.Paragraph(report.Plain, "No round was completed.")
		return
	}
	page.Chart(chart)
}

func (r *Result) failures(page *report.Page) {
	page.Heading("Errors")
	var rows [][]string
	for _, p := range r.Phases {
		if p.Failed == 0 {
			continue
		}
		var examples []string
		for _, kind := range slices.Sorted(maps.Keys(p.Errors)) {
			examples = append(examples, kind+": "+report.Cell(p.Errors[kind], 120))
		}
		load := p.ID
		if p.MeantToFail {
			load += ", wrong on purpose"
		}
		rows = append(rows, []string{load, report.Count(p.Operations), report.Count(p.Failed), report.Count(p.Refused), strings.Join(examples, "; ")})
	}
	if len(rows) == 0 {
		page.Paragraph(report.Plain, "No operation failed.")
		return
	}
	page.Table(map[int]bool{1: true, 2: true, 3: true}, []string{"load", "operations", "failed", "refused", "such as"}, rows, nil)
}

// mostFlame bounds the picture in the page.
const mostFlame = 4 << 20

// explainedPart shows the holders and lines of each leak, with the flame graph of its allocations.
func (r *Result) explainedPart(page *report.Page, dir string) {
	for _, x := range r.Explained {
		if x.Heap == nil {
			continue
		}
		page.Heading("What is kept per " + report.Cell(x.Per, maxToolName))
		page.Paragraph(report.Faint, fmt.Sprintf("Measured over %s operations after the verdict. A line is that of the largest sampled allocations, which need not be those that the holder keeps.",
			report.Count(int64(x.Heap.Operations))))
		for _, t := range x.Heap.Tables() {
			page.Table(t.Right, t.Header, t.Rows, nil)
		}
		addFlame(page, dir, x.Flame, "Flame graph of the allocations that stay")
	}
}

// addFlame adds a picture from the folder of the run, if there is one.
func addFlame(page *report.Page, dir, name, alt string) {
	if name == "" {
		return
	}
	name = filepath.Base(name)
	svg, err := report.ReadIn(dir, name, mostFlame) // the folder may come from others
	if err != nil {
		return
	}
	page.Picture(alt, svg)
	page.Links(report.Link{Name: "With search and zoom", File: name})
}

func (r *Result) flame(page *report.Page, dir string) {
	if r.Files.Flame == "" {
		page.Heading("Where the time went")
		why := "No poll of the snapshot endpoint saw a call in flight."
		if r.Files.Trace == "" {
			why = "A flame graph needs a snapshot endpoint, and none was found; mcpdiag proxy puts one in front of any server."
		}
		page.Paragraph(report.Faint, why)
		return
	}
	page.Heading("Where the time went")
	addFlame(page, dir, r.Files.Flame, "Flame graph of the calls that the snapshots saw")
}

func (r *Result) budgetPart(page *report.Page) {
	var points []string
	for _, b := range r.Budgets {
		points = append(points, "Budget "+b.Text)
	}
	for _, c := range r.Baseline {
		points = append(points, c.Text)
	}
	if len(points) > 0 {
		page.Heading("Budgets and baseline")
		page.List(report.Plain, points...)
	}
}

func (r *Result) surroundings(page *report.Page) {
	var rows [][]string
	row := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	row("server", r.Target.Server)
	row("protocol", r.Target.Protocol)
	row("transport", r.Target.Transport)
	row("tool", r.Target.Tool)
	row("process", strconv.Itoa(r.Target.PID))
	row("command", report.Cell(r.Target.Command, 300))
	row("set for it", strings.Join(r.Target.Env, " "))
	for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
		row(name, r.Environment[name])
	}
	page.Heading("Environment")
	page.Table(nil, []string{"property", "value"}, rows, nil)
}

// repeat adds the commands that repeat the run and render it again, and the files.
func (r *Result) repeat(page *report.Page) {
	page.Heading("To repeat it")
	if len(r.Command) > 0 {
		page.Code(report.ShellLine(r.Command))
	}
	for _, name := range r.Files.Rounds {
		page.Code("mcpdiag leaktest --judge " + report.ShellWord(filepath.Join(r.Files.Folder, name)))
	}
	if r.Files.Memory != "" {
		page.Code("mcpdiag monitor --read " + report.ShellWord(filepath.Join(r.Files.Folder, r.Files.Memory)))
	}
	page.Code("mcpdiag report " + report.ShellWord(r.Files.Folder))
	var links []report.Link
	for _, l := range []report.Link{{Name: "Samples", File: r.Files.Memory}, {Name: "Load", File: r.Files.LoadLog}, {Name: "Server", File: r.Files.Server},
		{Name: "Snapshots", File: r.Files.Trace}, {Name: "Verdict", File: VerdictFile}} {
		if l.File != "" {
			l.File = filepath.Base(l.File)
			links = append(links, l)
		}
	}
	page.Links(links...)
}
