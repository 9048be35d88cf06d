package main

import (
	"errors"
	"io"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	stackswrite "github.com/mcpdiag/mcpdiag/internal/stacks/write"
)

// result returns the facts and findings of the profile. Text and JSON list the frames,
// as many as --max-frames allows.
func (f *flamer) result(p *flame.Profile, tree *stacks.Tree, findings []rules.Finding) *flame.Result {
	result := p.Result(tree)
	if f.format.value == "text" || f.format.value == "json" {
		limit := 0
		if f.given("max-frames") {
			limit = f.frames
		}
		result.AddFrames(tree, limit)
	}
	result.Findings, result.FailOn, result.KeepEnd = findings, f.failOn, f.cut.value == "left"
	if f.title != "" {
		result.Title = f.title
	}
	return result
}

// isReport reports whether the format has the findings rather than a picture.
func (f *flamer) isReport() bool {
	return slices.Contains([]string{"json", "markdown", "junit", "github", shortFormat}, f.format.value)
}

// undrawn concludes a profile in which no stack has a weight. Its findings are reported
// all the same: a call may have hung over a gap between two polls.
func (f *flamer) undrawn(p *flame.Profile, tree *stacks.Tree, findings []rules.Finding) error {
	f.a.warn(p.Warnings...)
	result := f.result(p, tree, findings)
	if len(findings) > 0 && (f.onlyFindings || f.isReport()) {
		return f.conclude(p, tree, result)
	}
	if err := rules.Write(f.a.stderr, f.a.painter(f.a.stderr), findings, true); err != nil {
		return err
	}
	nothing := errors.New("there is nothing to draw: no call was in flight while polls followed each other, or none passes the filters")
	switch {
	case result.Report().Outcome == finding.Found:
		f.a.note("%v", nothing)
		return errFinding
	case p.Watch == nil:
		return errors.New("there is nothing to draw: no stack has a weight, or none passes the filters")
	}
	return nothing
}

// render writes the result in the requested format.
func (f *flamer) render(w io.Writer, p *flame.Profile, tree *stacks.Tree, result *flame.Result) error {
	if f.sandwich != "" {
		return f.renderSandwich(w, p, result)
	}
	switch format := f.format.value; format {
	case "folded":
		changed, err := stackswrite.Folded(w, tree)
		if changed > 0 {
			f.a.note("%s changed because folded stacks cannot contain them", stacks.Plural(float64(changed), "name"))
		}
		return err
	case "speedscope":
		return stackswrite.Speedscope(w, tree, result.Title, p.Unit)
	case "pprof":
		return stackswrite.Pprof(w, tree, p.Unit, p.Dims)
	case "chrome":
		return p.WriteChrome(w)
	case "svg":
		pic := f.picture(p, result)
		if f.flamechart {
			return p.Flamechart(w, pic, f.frames)
		}
		return picture.SVG(w, tree, pic, f.frames)
	default:
		result.Columns, _ = f.a.size(w)
		return f.a.render(w, format, result)
	}
}

// renderSandwich writes the callers and callees of one function.
func (f *flamer) renderSandwich(w io.Writer, p *flame.Profile, result *flame.Result) error {
	s, err := p.Sandwich(f.sandwich)
	if err != nil {
		return err
	}
	switch f.format.value {
	case "svg":
		pic := f.picture(p, result)
		if pic.Palette == picture.Diff {
			pic.Palette = picture.Hot // the base is not compared
		}
		if f.title == "" {
			pic.Title = "Callers and callees of " + f.sandwich
		}
		return s.SVG(w, pic, f.frames)
	case "json":
		return report.WriteJSON(w, s)
	case "text":
		width, _ := f.a.size(w)
		return s.Text(w, f.a.painter(w), width)
	}
	return usagef("--sandwich is written as svg, text or json; for %s, --focus keeps the stacks with a function", f.format.value)
}

// picture returns the titles, legend and notes of the picture.
func (f *flamer) picture(p *flame.Profile, result *flame.Result) picture.Picture {
	pic := p.Picture(result.Facts)
	pic.Title, pic.KeepEnd = result.Title, result.KeepEnd
	if f.given("icicle") {
		pic.Root = picture.Bottom
		if f.icicle {
			pic.Root = picture.Top
		}
	}
	if f.given("palette") {
		pic.Palette = picture.Palette(f.palette.value)
	}
	for _, finding := range result.Findings {
		pic.Findings = append(pic.Findings, finding.Rule+": "+finding.Says+". "+finding.Means+" "+finding.Do)
	}
	return pic
}
