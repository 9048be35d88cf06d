package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// flameFlags are the flags of flame.
type flameFlags struct {
	output, title, base, from, to, sample, profileName, sandwich string

	format, palette, weight, parallel, cut, order choice
	by, failOn                                    []string
	focus, ignore, hide                           *regexp.Regexp
	frames                                        int
	stuck                                         time.Duration

	icicle, flamechart, reverse, foldRecursion, normalize, findings bool

	given func(flag string) bool // reports whether a flag was set
}

func (f *flameFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&f.output, "output", "o", "-", "write the result to this file")
	choiceVar(cmd, fs, &f.format, "format", "how the result is written", "svg", "folded", "speedscope", "pprof", "chrome", "text", "json", "markdown", "junit", "github")
	shortVar(fs, &f.format)
	f.addInput(cmd)
	f.addPicture(cmd)
	fs.BoolVar(&f.findings, "findings", false, "report everything that stands out: alone, or on standard error beside a picture (-o, --format)")
	listVar(cmd, &f.failOn, "fail-on", "make the exit code 3 if one of these rules finds something", append([]string{"any"}, rules.Names()...))
	durationVar(fs, &f.stuck, "stuck", snapshot.StuckAfter, "a call in flight for longer is stuck")
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
	fs.StringVar(&f.sample, "sample", "", "value to take from a pprof profile with several (inuse_space)")
	fs.StringVar(&f.profileName, "profile", "", "profile to take from a file with several, by name or number")
	regexpVar(fs, &f.focus, "focus", "keep the stacks with a frame that matches this regular expression")
	regexpVar(fs, &f.ignore, "ignore", "drop the stacks with a frame that matches this regular expression")
	regexpVar(fs, &f.hide, "hide", "remove the frames that match this regular expression; the frames above them move down")
	fs.StringVar(&f.sandwich, "sandwich", "", "show the callers and callees of the function with this name")
	fs.BoolVar(&f.foldRecursion, "fold-recursion", false, "show one round of each recursion")
	fs.BoolVar(&f.reverse, "reverse", false, "merge the stacks from the leaves")
	fs.StringVar(&f.base, "base", "", "compare with this input; colours show the change")
	fs.BoolVar(&f.normalize, "normalize", false, "give the base the weight of the input, to compare shares")
	group(fs, "Input", "from", "to", "profile", "sample", "weight", "by", "parallel")
	group(fs, "Stacks", "focus", "ignore", "hide", "fold-recursion", "reverse", "sandwich")
	group(fs, "Comparison", "base", "normalize")
	foundMaySet(fs, "from", "profile", "sandwich", "sample", "weight", "by", "parallel", "focus", "ignore", "hide", "fold-recursion", "reverse", "normalize")
	paths(fs, "base")
}

func (f *flameFlags) addPicture(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.title, "title", "", "title of the picture")
	choiceVar(cmd, fs, &f.palette, "palette", "what the colours mean", "hot", "tool", "diff", "state")
	choiceVar(cmd, fs, &f.cut, "cut", "side on which labels that are too long are cut", "right", "left")
	positiveVar(fs, &f.frames, "max-frames", picture.MaxFrames, "largest number of boxes in the picture; the widest are kept")
	choiceVar(cmd, fs, &f.order, "order", "order of the frames under one parent", "name", "heaviest")
	fs.BoolVar(&f.icicle, "icicle", false, "draw the root on top (the default for pictures taller than a screen)")
	fs.BoolVar(&f.flamechart, "flamechart", false, "draw the calls of a trace in the order of time")
	group(fs, "Picture", "title", "palette", "cut", "max-frames", "order", "icicle", "flamechart")
	foundMaySet(fs, "title", "palette", "cut", "max-frames", "order", "icicle", "flamechart")
}

// among returns those of the flags that were set.
func (f *flameFlags) among(flags ...string) (set []string) {
	for _, flag := range flags {
		if f.given(flag) {
			set = append(set, "--"+flag)
		}
	}
	return set
}

func (f *flameFlags) foldOptions() (fold.Options, error) {
	o := fold.Options{
		Weight: fold.Weight(f.weight.value), Parallel: fold.Parallel(f.parallel.value), Stuck: f.stuck,
		Spans: f.flamechart || f.format.value == "chrome",
	}
	for _, by := range f.by {
		o.By = append(o.By, fold.Dimension(by))
	}
	if f.format.value == "pprof" && len(o.By) == 0 {
		o.By = []fold.Dimension{fold.ByTarget, fold.BySession} // they become labels
	}
	var err error
	if f.from != "" {
		if o.From, err = fold.ParseBound(f.from); err != nil {
			return o, usagef("--from: %w", err)
		}
	}
	if f.to != "" {
		if o.To, err = fold.ParseBound(f.to); err != nil {
			return o, usagef("--to: %w", err)
		}
	}
	if o.From.After(o.To) {
		return o, usagef("--from %s is after --to %s", f.from, f.to)
	}
	return o, nil
}

// listVar adds a flag with some of a few values, separated by commas.
func listVar(cmd *cobra.Command, list *[]string, name, usage string, choices []string) {
	parse := func(text string) ([]string, error) {
		all := *list
		for item := range strings.SplitSeq(text, ",") {
			item = strings.TrimSpace(item)
			if !slices.Contains(choices, item) {
				return nil, fmt.Errorf("%q is not one of %s", item, strings.Join(choices, ", "))
			}
			if !slices.Contains(all, item) {
				all = append(all, item)
			}
		}
		return all, nil
	}
	cmd.Flags().Var(value[[]string]{list, "list", parse, commas}, name, usage+": "+strings.Join(choices, ", "))
	complete(cmd, name, func() []string { return choices })
}

func commas(list []string) string { return strings.Join(list, ",") }

// regexpVar adds a flag of a regular expression, which is nil if it is not set.
func regexpVar(fs *pflag.FlagSet, p **regexp.Regexp, name, usage string) {
	show := func(e *regexp.Regexp) string {
		if e == nil {
			return ""
		}
		return e.String()
	}
	fs.Var(value[*regexp.Regexp]{p, "regexp", regexp.Compile, show}, name, usage)
}
