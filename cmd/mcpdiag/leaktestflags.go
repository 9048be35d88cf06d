package main

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

func (l *leaktester) addFlags(cmd *cobra.Command, fs *pflag.FlagSet) {
	l.held.addFlags(fs)
	fs.IntVar(&l.cfg.Target.PID, "pid", 0, "test the server with this process ID")
	fs.StringVar(&l.cfg.Target.Name, "name", "", "test the server whose name, executable or arguments contain this")
	positiveVar(fs, &l.cfg.Target.Port, "port", 0, "test the server that listens on this TCP port")
	choiceVar(cmd, fs, &l.match, "match", "which of several matching processes", matchOne, "newest", "oldest", "largest")
	fs.StringVar(&l.judge, "judge", "", "judge a recording: a CSV file of settled readings, - for standard input")
	choiceVar(cmd, fs, &l.transport, "transport", "transport of the command; auto finds out", "auto", "http", "stdio")
	positiveVar(fs, &l.cfg.Users, "users", 40, "virtual users")
	positiveVar(fs, &l.cfg.Calls, "calls", 10, "calls of each user in a round")
	positiveVar(fs, &l.cfg.Rounds, "rounds", 0, "run exactly this many rounds (default: until decided)")
	durationVar(fs, &l.cfg.Settle, "delay", 3*time.Second, "settle time: idle time after each round; by default half as long where the live heap is read")
	durationVar(fs, &l.cfg.Expiry, "expiry", 0, "lifetime of abandoned sessions; readings of them wait for it")
	durationVar(fs, &l.cfg.Hold, "hold", 90*time.Second, "idle this long before a leak is believed, by default less where --max-time is below 2m20s; 0 to skip")
	durationVar(fs, &l.cfg.MaxTime, "max-time", 15*time.Minute, "start no round after this time")
	sizeVar(fs, &l.cfg.MaxMemory, "max-memory", 0, "stop the load when the server holds this much (default: half of the free memory)")
	fs.BoolVar(&l.attribute, "attribute", false, "attribute the leak to an operation (session, call, failed call, …)")
	fs.StringSliceVar(&l.cfg.Factors, "factors", nil, "loads to try: "+strings.Join(leaktest.FactorIDs(), ", "))
	fs.StringArrayVar(&l.cfg.Tools, "tool", nil, "tool to call (default: the first); repeat it to judge several")
	fs.StringArrayVar(&l.args, "args", nil, "arguments of the tool: a JSON object or @file (default: made from its input schema); once for all tools, or once for each")
	choiceVar(cmd, fs, &l.protocol, "protocol", "MCP revision", append([]string{"auto"}, mcp.Revisions...)...)
	fs.StringVar(&l.snapshot, "snapshot", snapshotPath, "path or URL of the snapshot endpoint; off for none")
	durationVar(fs, &l.cfg.Ready, "ready-timeout", 30*time.Second, "time limit for the command to answer an MCP handshake")
	fs.Var(value[smallHeap]{&l.heap, "size", parseHeap, showHeap}, "stabilize", "start a Node server with a small heap, optionally with this limit (256MB or more)")
	fs.Lookup("stabilize").NoOptDefVal = "auto"
	fs.StringVar(&l.cfg.GCSignal, "gc-signal", "", "signal that runs the garbage collector, sent before each reading")
	fs.StringVar(&l.gcURL, "gc-url", "", "URL that runs the garbage collector, such as …/debug/pprof/heap?gc=1")
	fs.StringVar(&l.pprof, "pprof", pprofPath, "path or URL of the heap profile of a Go server, whose live heap then decides; off for none")
	fs.BoolVar(&l.cfg.Attach, "attach", false, "with --pid, --name or --port: open the inspector of a running Node server on a loopback port, read its live heap, close it")
	fs.BoolVar(&l.rss, "rss", false, "judge by RSS alone: do not open the inspector of a Node server, trace Python or ask for --pprof")
	fs.BoolVar(&l.explain, "explain", true, "after a leak of the live heap, find out which object holds it and which line allocated it")
	l.keep.add(fs)
	cpuProfileVar(fs, &l.cfg.CPUProfile)
	fs.StringArrayVar(&l.budgets, "budget", nil, "memory that may be kept: 10KB/session, 1KB/call, 0/FACTOR; repeatable")
	fs.StringVar(&l.baseline, "baseline", "", "older run (its folder or verdict.json) to compare with")
	choiceVar(cmd, fs, &l.failOn, "fail-on", "exit 3 on this verdict or worse", "leak", "undecided")
	fs.StringVarP(&l.cfg.Folder, "output", "o", "mcpdiag-leaktest", "folder for all files")
	formatVar(cmd, fs, &l.format)
	l.conn.addFlags(fs, 30*time.Second)
	l.a.completeServers(cmd)
	l.a.completeTools(cmd, &l.conn)
	group(fs, "Server", "pid", "name", "port", "match", "transport", "ready-timeout", "snapshot", "stabilize", "gc-signal", "gc-url", "pprof", "attach", "rss")
	group(fs, "Load", "users", "calls", "rounds", "delay", "expiry", "hold", "max-time", "max-memory", "tool", "args", "protocol")
	group(fs, "Verdict", "attribute", "explain", "factors", "budget", "baseline", "fail-on", "judge")
	group(fs, "Output", "output", "format", "keep", "scrub")
	foundMaySet(fs, "match", "transport", "ready-timeout", "stabilize", "users", "calls", "rounds", "delay", "expiry", "hold", "max-time", "max-memory",
		"protocol", "attribute", "factors", "budget", "fail-on", "format")
	paths(fs, "output", "baseline", "judge")
}

// smallHeap is the value of --stabilize: a size, or auto.
type smallHeap struct {
	on    bool
	limit int64
}

func parseHeap(text string) (smallHeap, error) {
	switch text {
	case "auto", "true":
		return smallHeap{on: true}, nil
	case "false":
		return smallHeap{}, nil
	}
	limit, err := parseSize(text)
	return smallHeap{on: true, limit: limit}, err
}

func showHeap(h smallHeap) string {
	if h.limit > 0 {
		return showSize(h.limit)
	}
	return ""
}

// options checks the command line and fills the configuration.
func (l *leaktester) options(cmd *cobra.Command, operands, command []string) error {
	if err := l.oneTarget(operands, command); err != nil {
		return err
	}
	if l.judge != "" {
		return onlyJudges(cmd)
	}
	if err := l.keep.check(); err != nil {
		return err
	}
	cfg := &l.cfg
	cfg.Command, cfg.Stdio = command, l.transport.value == "stdio"
	cfg.Guess = l.transport.value == "auto" && len(command) > 0 && !l.overHTTP(cmd, command)
	if !l.a.given(cmd, "hold") {
		cfg.Hold = leaktest.HoldFor(cfg.MaxTime)
	}
	cfg.Fixed = l.a.given(cmd, "users") || l.a.given(cmd, "calls")
	if !l.a.given(cmd, "delay") {
		cfg.LiveSettle = cfg.Settle / 2
	}
	cfg.NoHeap, cfg.NoExplain = l.rss, !l.explain
	cfg.Keep, cfg.Scrub = l.keep.dir, l.keep.scrub
	cfg.Stabilize, cfg.HeapLimit = l.heap.on, l.heap.limit
	cfg.Repeat, cfg.Version = append([]string{"mcpdiag"}, l.a.args...), version()
	cfg.Target.Match = process.Match(strings.TrimPrefix(l.match.value, matchOne))
	cfg.Protocol = strings.TrimPrefix(l.protocol.value, "auto")
	if l.attribute && len(cfg.Factors) == 0 {
		cfg.Factors, cfg.Attribute = leaktest.Attribution(), true
	}
	switch {
	case cfg.Users > plan.MaxUsers:
		return usagef("--users is at most %d", plan.MaxUsers)
	case len(l.args) > 1 && len(l.args) != len(cfg.Tools):
		return usagef("--args: give it once for all tools, or once for each --tool")
	case cfg.Stdio && len(command) == 0:
		return usagef("--transport stdio needs the command after --: mcpdiag speaks to it over its standard streams")
	case cfg.Stabilize && len(command) == 0:
		return usagef("--stabilize sets variables of the server: it needs the command after --")
	case cfg.HeapLimit > 0 && cfg.HeapLimit < leaktest.LeastHeap:
		return usagef("--stabilize: a limit below %dMB could end a healthy server", leaktest.LeastHeap>>20)
	case cfg.Attach && len(command) > 0:
		return usagef("--attach is for a running server; the inspector of a command after -- is opened without it")
	case cfg.Keep != "" && (l.rss || !l.explain):
		return usagef("--keep stores the heaps that --explain compares")
	case cfg.CPUProfile && l.rss:
		return usagef("--cpu-profile asks the runtime of the server, and --rss does not")
	case cfg.Attach && l.rss:
		return usagef("--attach reads the live heap, and --rss judges without it")
	case cfg.GCSignal != "" && process.SignalNumber(cfg.GCSignal) == 0:
		return usagef("--gc-signal %q: unknown signal; try SIGUSR2", cfg.GCSignal)
	}
	return l.values()
}

// overHTTP reports whether the command line says that the command speaks over HTTP.
func (l *leaktester) overHTTP(cmd *cobra.Command, command []string) bool {
	for _, name := range []string{"url", "snapshot", "pprof", "gc-url"} {
		if l.a.given(cmd, name) {
			return true
		}
	}
	return wantPort(command...)
}

// onlyJudges refuses flags of a run in combination with --judge.
func onlyJudges(cmd *cobra.Command) (err error) {
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && !slices.Contains([]string{"judge", "format", "fail-on"}, f.Name) {
			err = usagef("--%s is for a run, and --judge judges a file", f.Name)
		}
	})
	return err
}

// values parses the flags with structured values.
func (l *leaktester) values() (err error) {
	for _, text := range l.budgets {
		b, err := parseBudget(text)
		if err != nil {
			return err
		}
		l.cfg.Budgets = append(l.cfg.Budgets, b)
	}
	if l.baseline != "" {
		if l.cfg.Baseline, err = leaktest.Load(l.a.ctx, l.baseline); err != nil {
			return err
		}
	}
	for _, text := range l.args {
		args, err := l.a.fixedArguments(text)
		if err != nil {
			return err
		}
		l.cfg.Args = append(l.cfg.Args, args)
	}
	if err := leaktest.CheckFactors(l.cfg.Factors); err != nil {
		return usagef("--factors: %w", err)
	}
	return nil
}

// fixedArguments reads --args: the operations of a round must be alike. They are
// compacted, since a line break inside a message would break standard streams.
func (a *app) fixedArguments(text string) (jsontext.Value, error) {
	data, err := a.argumentsOf(text)
	if err != nil {
		return nil, err
	}
	v := jsontext.Value(bytes.TrimSpace(data))
	if len(v) == 0 || v.Compact() == nil && v.Kind() == '{' {
		return v, nil
	}
	return nil, usagef(`--args is not a JSON object such as {"query": "leak"}`)
}

func (l *leaktester) oneTarget(operands, command []string) error {
	server := l.cfg.Target
	switch {
	case len(operands) > 0:
		return usagef("%q: put the command to start after --, and the address of a server into --url", operands[0])
	case !exactlyOne(server.PID != 0, server.Name != "", server.Port != 0, l.judge != "", len(command) > 0):
		return usagef("name the server with one of --pid, --name, --port, --judge and a command after --")
	}
	return nil
}

// parseBudget reads 10KB/session.
func parseBudget(text string) (judge.Budget, error) {
	size, per, ok := strings.Cut(text, "/")
	bytes, err := parseSize(size)
	if !ok || err != nil || !leaktest.KnowsBudget(per) {
		return judge.Budget{}, usagef("--budget %q is not like 10KB/session or 1KB/call; after the / comes call, session, operation, abandoned, failed, request or a factor", text)
	}
	return judge.Budget{Bytes: float64(bytes), Per: per, Text: text}, nil
}
