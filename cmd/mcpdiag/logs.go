package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs"
	"github.com/mcpdiag/mcpdiag/internal/logs/filter"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// logReader is one run of the logs command.
type logReader struct {
	a        *app
	o        logs.Options
	only     []string
	where    string
	since    string
	until    string
	zone     string
	maps     []string
	units    []string
	failOn   []string
	baseline string
	by       choice
	format   choice
	output   string
	extract  bool
	follow   bool
}

func newLogsCmd(a *app) *cobra.Command {
	l := logReader{a: a}
	cmd := &cobra.Command{
		SuggestFor: []string{"log"},
		Use:        "logs [FILE | FOLDER | -]...",
		Short:      "Say what logs of an MCP server or its host tell: per tool, per request, since when",
		Long: `logs reads the logs of an MCP server, of its containers, or of its host (Claude Desktop,
VS Code, Cursor, Claude Code): JSON of any logger, logfmt and some forty text formats,
plain, gzip or zstd. The format is detected for each line.

It reports calls per tool with their latency and errors (from the JSON-RPC messages in
hosts' logs, from start and end lines, from durations), sessions, refused clients, slow
requests, error rates, errors by fingerprint, database errors, rate limits, known faults
with their remedy, and rates that changed. Without arguments it reads the logs of the
hosts that are installed here. Secrets are redacted.

Exit code 3: a known fault, a change, or a condition of --fail-on.`,
		Example: `  mcpdiag logs ~/Library/Logs/Claude
  kubectl logs deploy/mcp-server --since 1h | mcpdiag logs
  mcpdiag logs server.log --only slow,errors --since 2h
  mcpdiag logs server.log --request 9f2c01aa55e0b7d2
  mcpdiag logs server.log --where 'level >= warn and tool == "search" and duration > 1s'
  mcpdiag logs server.log --baseline yesterday.json --fail-on new-error --fail-on 'error-rate>1%'`,
		RunE: func(cmd *cobra.Command, args []string) error { return l.run(cmd.Context(), args) },
	}
	fs := cmd.Flags()
	fs.StringSliceVar(&l.only, "only", nil, "write these reports whole: "+strings.Join(logs.SectionNames(), ", "))
	complete(cmd, "only", logs.SectionNames)
	fs.StringVar(&l.o.Request, "request", "", "write the timeline of the request with this id")
	choiceVar(cmd, fs, &l.by, "by", "count error rates by", append([]string{"endpoint"}, slices.DeleteFunc(logs.Dimensions(), func(s string) bool { return s == "endpoint" })...)...)
	fs.StringVar(&l.where, "where", "", "read only entries for which this condition is true")
	fs.StringVar(&l.since, "since", "", "read only entries from this time on: a duration before now, or RFC 3339")
	fs.StringVar(&l.until, "until", "", "read only entries before this time")
	fs.StringVar(&l.zone, "tz", "Local", "time zone of times that have none, such as UTC or Europe/Berlin")
	durationVar(fs, &l.o.Slow, "slow", time.Second, "a request is slow from this duration on")
	positiveVar(fs, &l.o.Top, "top", 20, "list this many slow requests")
	durationVar(fs, &l.o.Recent, "recent", 0, "compare the last part of this length with the time before it (default: an hour, at most a fifth)")
	fs.StringVar(&l.baseline, "baseline", "", "compare errors with this result of an earlier --format json")
	fs.StringArrayVar(&l.failOn, "fail-on", nil, "exit 3 on one of these: new-error, error-rate>1%, errors>0, slow>5s, unanswered>0, refused>9, rate-limited>0")
	fs.StringArrayVar(&l.maps, "map", nil, "read a field from a key: user=attributes.uid")
	fs.StringArrayVar(&l.units, "unit", nil, "unit of a duration's key: duration=s")
	fs.BoolVar(&l.extract, "extract", false, "write the entries as normalized JSON, one a line, instead of a report")
	fs.BoolVarP(&l.follow, "follow", "f", false, "wait for more, and write each entry that is a warning or worse")
	formatVar(cmd, fs, &l.format, "html", "csv")
	fs.StringVarP(&l.output, "output", "o", "", "write the result to this file")
	group(fs, "Selection", "only", "request", "by", "where", "since", "until", "follow")
	group(fs, "Reading", "tz", "map", "unit")
	group(fs, "Verdict", "slow", "recent", "baseline", "fail-on")
	group(fs, "Output", "top", "extract", "format", "output")
	foundMaySet(fs, "tz", "by", "slow", "top", "recent", "fail-on", "map", "unit", "format")
	paths(fs, "baseline", "output")
	return cmd
}

func (l *logReader) run(ctx context.Context, args []string) error {
	if err := l.options(); err != nil {
		return err
	}
	sources, err := l.sources(args)
	if err != nil {
		return err
	}
	if l.follow {
		for i, s := range sources {
			sources[i] = input.Follow(s)
		}
	}
	if l.extract {
		return l.a.write(l.output, func(w io.Writer) error { return l.extractTo(ctx, w, sources) })
	}
	var baseline *logs.Result
	if l.baseline != "" {
		if baseline, err = readInput(l.a, l.baseline, logs.ReadBaseline); err != nil {
			return err
		}
	}
	if l.follow {
		l.o.Each = l.show
	}
	stop := l.showProgress(sources)
	res, err := logs.Run(ctx, sources, l.o)
	stop()
	if err != nil {
		return err
	}
	res.Judge(baseline)
	if err := l.write(res); err != nil {
		return err
	}
	return outcomeOf(res.Report())
}

// showProgress shows on a terminal how much of the sources has been read, from the second
// second on.
func (l *logReader) showProgress(sources []*input.Source) (stop func()) {
	if l.follow || !l.a.live() {
		return func() {}
	}
	var total int64
	for _, s := range sources {
		total += s.Size
	}
	done := &atomic.Int64{}
	l.o.Input.Done = done
	start := time.Now()
	return l.a.showEverySecond(time.Second, func() string { return progress("logs", done.Load(), total, time.Since(start)) })
}

// progress describes how much of a file, or of logs, has been read; total is 0 if it is not known.
func progress(what string, done, total int64, elapsed time.Duration) string {
	if total == 0 || done == 0 {
		return "reading " + what + ": " + report.MB(float64(done)/(1<<20))
	}
	left := time.Duration(float64(elapsed) * float64(max(0, total-done)) / float64(done))
	now := time.Time{}
	return fmt.Sprintf("reading %s: %d %% of %s, %s", what, min(100, 100*done/total), report.MB(float64(total)/(1<<20)), timeLeft(now.Add(left), now))
}

// options checks the flags.
func (l *logReader) options() error {
	l.o.By = l.by.value
	for _, id := range l.only {
		if !slices.Contains(logs.SectionNames(), id) {
			return usagef("--only %s: want one of %s", id, strings.Join(logs.SectionNames(), ", "))
		}
	}
	if l.format.value == "csv" && len(l.only) != 1 {
		return usagef("--format csv writes one table: name it with --only")
	}
	zone, err := time.LoadLocation(l.zone)
	if err != nil {
		return usagef("--tz %s: unknown time zone; want UTC, Local or a name such as Europe/Berlin", l.zone)
	}
	l.o.Input.Zone = zone
	if l.where != "" {
		if l.o.Where, err = filter.Parse(l.where); err != nil {
			return usageError{err}
		}
	}
	for text := range strings.SplitSeq(strings.Join(l.failOn, ","), ",") {
		if text == "" {
			continue
		}
		condition, err := logs.ParseFailOn(text)
		if err != nil {
			return usagef("--fail-on: %w", err)
		}
		if condition.New && l.baseline == "" {
			return usagef("--fail-on new-error needs --baseline")
		}
		l.o.FailOn = append(l.o.FailOn, condition)
	}
	if err := l.keys(); err != nil {
		return err
	}
	if l.o.Since, err = parseMoment("since", l.since); err != nil {
		return err
	}
	l.o.Until, err = parseMoment("until", l.until)
	return err
}

// keys reads --map and --unit.
func (l *logReader) keys() error {
	keys := logline.Options{Fields: map[string]string{}, Units: map[string]time.Duration{}}
	for _, text := range l.maps {
		name, key, ok := strings.Cut(text, "=")
		if !ok || !slices.Contains(logline.FieldNames(), name) {
			return usagef("--map %s: want FIELD=KEY with a field of %s", text, strings.Join(logline.FieldNames(), ", "))
		}
		keys.Fields[key] = name
	}
	for _, text := range l.units {
		key, unit, _ := strings.Cut(text, "=")
		d, err := time.ParseDuration("1" + unit)
		if err != nil || key == "" {
			return usagef("--unit %s: want KEY=UNIT with a unit of ns, us, ms, s, m", text)
		}
		keys.Units[key] = d
	}
	l.o.Input.Keys = keys
	return nil
}

// parseMoment reads a time as logs.ParseMoment does.
func parseMoment(flag, text string) (time.Time, error) {
	t, err := logs.ParseMoment(text)
	if err != nil {
		return t, usagef("--%s %s: %v", flag, text, err)
	}
	return t, nil
}

// sources returns the inputs that args name, else standard input if it is no terminal, else the
// folders of the hosts that are installed here.
func (l *logReader) sources(args []string) ([]*input.Source, error) {
	if len(args) == 0 && hasInput(l.a.stdin) {
		args = []string{"-"}
	}
	if len(args) == 0 {
		return l.hosts()
	}
	if i := slices.Index(args, "-"); i >= 0 && slices.Contains(args[i+1:], "-") {
		return nil, errStdinTwice
	}
	return input.Find(args, l.a.stdin)
}

// hosts returns the logs of the hosts that are installed here.
func (l *logReader) hosts() (all []*input.Source, err error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	for _, f := range logs.HostFolders(runtime.GOOS, home, l.a.getenv) {
		found, err := input.Find([]string{f.Path}, nil)
		if err != nil {
			l.a.note("%s: %s", f.Host, report.Line(err.Error())) // another host may have logs
			continue
		}
		l.a.note("reading %s: %s", f.Host, f.Path)
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, usagef("no logs of Claude Desktop, Claude Code, VS Code or Cursor here; name a file, a folder or -")
	}
	return all, nil
}

// hasInput reports whether stdin is a pipe or a file, and no terminal or /dev/null.
func hasInput(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	if !ok {
		return stdin != nil
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice == 0
}

// write writes the result in the format of the command line.
func (l *logReader) write(res *logs.Result) error {
	switch l.format.value {
	case "text":
		return l.a.write(l.output, func(w io.Writer) error { return res.Page(w, l.a.painter(w), l.only) })
	case "csv":
		return l.a.write(l.output, func(w io.Writer) error { return res.CSV(w, l.only[0]) })
	}
	return l.a.writeResult(l.output, l.format.value, res)
}

// extractTo writes the entries as normalized JSON.
func (l *logReader) extractTo(ctx context.Context, w io.Writer, sources []*input.Source) error {
	x := logs.NewExtractor(report.NewJSONWriter(w))
	l.o.Each = x.Write
	res, err := logs.Run(ctx, sources, l.o)
	if err != nil {
		return err
	}
	l.a.warn(res.Warnings...)
	return nil
}

// show writes an entry that is a warning or worse at once.
func (l *logReader) show(e *input.Entry) error {
	if e.Level < logline.Warn && !e.RPC.IsError && e.Status < 500 {
		return nil
	}
	out := l.a.stdout
	if l.format.value != "text" { // standard output is for the document
		out = l.a.stderr
	}
	_, err := fmt.Fprintln(out, logs.Summary(e))
	return errors.Join(err, out.Flush())
}
