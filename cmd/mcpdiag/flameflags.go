package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/flame"
)

// flameFlags are the flags of flame.
type flameFlags struct {
	output, title, base, from, to, sample string

	format, palette, weight, parallel, cut choice
	by, failOn                             list
	focus, ignore, hide                    expression
	frames                                 int
	stuck                                  time.Duration

	icicle, flamechart, reverse, foldRecursion, normalize, findings bool

	paletteSet, framesSet bool
}

func (f *flameFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&f.output, "output", "o", "-", "write the result to this file")
	choiceVar(cmd, fs, &f.format, "format", "how the result is written", "svg", "folded", "speedscope", "pprof", "chrome", "text", "json")
	f.addInput(cmd)
	f.addPicture(cmd)
	fs.BoolVar(&f.findings, "findings", false, "tell all that stands out, on standard error")
	listVar(cmd, &f.failOn, "fail-on", "make the exit code 3 where one of these rules finds something", append([]string{"any"}, flame.Rules...))
	durationVar(fs, &f.stuck, "stuck", 30*time.Second, "a call in flight for longer is stuck")
	group(fs, "Output", "output", "format")
	group(fs, "Findings", "findings", "fail-on", "stuck")
	foundMaySet(fs, "format", "findings", "fail-on", "stuck")
	paths(fs, "output")
}

func (f *flameFlags) addInput(cmd *cobra.Command) {
	fs := cmd.Flags()
	choiceVar(cmd, fs, &f.weight, "weight", "width of a call in a trace: time in flight, polls that saw it, or its age", "gap", "samples", "age")
	listVar(cmd, &f.by, "by", "first frames of each stack of a trace", []string{"target", "session", "handler"})
	choiceVar(cmd, fs, &f.parallel, "parallel", "calls in flight at once add up, or share the time", "sum", "share")
	fs.StringVar(&f.from, "from", "", "begin here: a time (RFC 3339) or a duration after the first poll")
	fs.StringVar(&f.to, "to", "", "end here, likewise")
	fs.StringVar(&f.sample, "sample", "", "value to take from a pprof profile that has several (inuse_space)")
	fs.Var(&f.focus, "focus", "keep the stacks with a frame that matches this regular expression")
	fs.Var(&f.ignore, "ignore", "drop the stacks with a frame that matches this regular expression")
	fs.Var(&f.hide, "hide", "take out the frames that match this regular expression; what is on them moves down")
	fs.BoolVar(&f.foldRecursion, "fold-recursion", false, "show one round of each recursion")
	fs.BoolVar(&f.reverse, "reverse", false, "merge the stacks from the leaves")
	fs.StringVar(&f.base, "base", "", "compare with this input; colours show the change")
	fs.BoolVar(&f.normalize, "normalize", false, "give the base the weight of the input, to compare shares")
	group(fs, "Input", "from", "to", "sample", "weight", "by", "parallel")
	group(fs, "Stacks", "focus", "ignore", "hide", "fold-recursion", "reverse")
	group(fs, "Comparison", "base", "normalize")
	foundMaySet(fs, "from", "sample", "weight", "by", "parallel", "focus", "ignore", "hide", "fold-recursion", "reverse", "normalize")
	paths(fs, "base")
}

func (f *flameFlags) addPicture(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.title, "title", "", "title of the picture")
	choiceVar(cmd, fs, &f.palette, "palette", "what the colours mean", "hot", "tool", "diff", "state")
	choiceVar(cmd, fs, &f.cut, "cut", "side at which labels that are too long are cut", "right", "left")
	positiveVar(fs, &f.frames, "max-frames", flame.MaxFrames, "boxes in the picture at most; the widest are kept")
	fs.BoolVar(&f.icicle, "icicle", false, "draw the root on top")
	fs.BoolVar(&f.flamechart, "flamechart", false, "draw the calls of a trace in the order of time")
	group(fs, "Picture", "title", "palette", "cut", "max-frames", "icicle", "flamechart")
	foundMaySet(fs, "title", "palette", "cut", "max-frames", "icicle", "flamechart")
}

func (f *flameFlags) foldOptions() (flame.FoldOptions, error) {
	o := flame.FoldOptions{
		Weight: flame.Weight(f.weight.value), Parallel: flame.Parallel(f.parallel.value), Stuck: f.stuck,
		Spans: f.flamechart || f.format.value == "chrome",
	}
	for _, by := range f.by {
		o.By = append(o.By, flame.Dimension(by))
	}
	if f.format.value == "pprof" && len(o.By) == 0 {
		o.By = []flame.Dimension{flame.ByTarget, flame.BySession} // they become labels
	}
	var err error
	if f.from != "" {
		if o.From, err = flame.ParseBound(f.from); err != nil {
			return o, usagef("--from: %w", err)
		}
	}
	if f.to != "" {
		if o.To, err = flame.ParseBound(f.to); err != nil {
			return o, usagef("--to: %w", err)
		}
	}
	return o, nil
}

// render writes the result in the format that was asked for.
func (f *flamer) render(w io.Writer, p *flame.Profile, tree *flame.Tree, findings []flame.Finding) error {
	switch f.format.value {
	case "folded":
		changed, err := tree.WriteFolded(w)
		if changed > 0 {
			f.a.note("%d names were changed, for folded stacks cannot hold them", changed)
		}
		return err
	case "speedscope":
		return tree.WriteSpeedscope(w, f.titleOf(p), p.Unit)
	case "pprof":
		return tree.WritePprof(w, p.Unit, p.Dims)
	case "chrome":
		return p.WriteChrome(w)
	case "svg":
		return f.draw(w, p, tree, findings)
	}
	limit := 0
	if f.framesSet {
		limit = f.frames
	}
	result := p.Result(tree, limit)
	result.Title, result.Findings, result.KeepEnd = f.titleOf(p), findings, f.cut.value == "left"
	if f.format.value == "json" {
		return result.JSON(w)
	}
	width, _ := f.a.size(w)
	return result.Text(w, f.a.painter(w), width)
}

func (f *flamer) titleOf(p *flame.Profile) string {
	if f.title != "" {
		return f.title
	}
	return p.Title()
}

func (f *flamer) draw(w io.Writer, p *flame.Profile, tree *flame.Tree, findings []flame.Finding) error {
	picture := p.Picture(tree)
	picture.Title = f.titleOf(p)
	picture.Icicle, picture.KeepEnd = f.icicle, f.cut.value == "left"
	if f.paletteSet {
		picture.Palette = flame.Palette(f.palette.value)
	}
	for _, finding := range findings {
		picture.Findings = append(picture.Findings, finding.Rule+": "+finding.Says+". "+finding.Means+" "+finding.Do)
	}
	if f.flamechart {
		return p.Flamechart(w, picture, f.frames)
	}
	return tree.SVG(w, picture, f.frames)
}

// list is a flag with some of a few values, apart by commas.
type list []string

type listValue struct {
	*list
	choices []string
}

func listVar(cmd *cobra.Command, l *list, name, usage string, choices []string) {
	cmd.Flags().Var(&listValue{l, choices}, name, usage+": "+strings.Join(choices, ", "))
	// It fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}

func (l *listValue) Set(text string) error {
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if !slices.Contains(l.choices, item) {
			return fmt.Errorf("%q is not one of %s", item, strings.Join(l.choices, ", "))
		}
		if !slices.Contains(*l.list, item) {
			*l.list = append(*l.list, item)
		}
	}
	return nil
}

func (l *listValue) String() string {
	if l.list == nil {
		return ""
	}
	return strings.Join(*l.list, ",")
}

func (l *listValue) Type() string { return "list" }

// expression is a flag that takes a regular expression.
type expression struct{ *regexp.Regexp }

func (e *expression) Set(text string) (err error) {
	e.Regexp, err = regexp.Compile(text)
	return err
}

func (e *expression) String() string {
	if e.Regexp == nil {
		return ""
	}
	return e.Regexp.String()
}

func (e *expression) Type() string { return "regexp" }
