package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

func (l *leaktester) addFlags(cmd *cobra.Command, fs *pflag.FlagSet) {
	fs.IntVar(&l.cfg.PID, "pid", 0, "test the server with this process ID")
	fs.StringVar(&l.cfg.Name, "name", "", "test the server whose name, executable or arguments contain this")
	choiceVar(cmd, fs, &l.match, "match", "which of several processes of that name", matchOne, "newest", "oldest", "largest")
	fs.StringVar(&l.judge, "judge", "", "judge this file of settled values")
	choiceVar(cmd, fs, &l.transport, "transport", "how the command speaks MCP", "http", "stdio")
	positiveVar(fs, &l.cfg.Users, "users", 40, "virtual users, each with a session of its own")
	positiveVar(fs, &l.cfg.Calls, "calls", 10, "calls of each user, in each round")
	positiveVar(fs, &l.cfg.Rounds, "rounds", 0, "run exactly this many rounds (default: until decided)")
	durationVar(fs, &l.cfg.Settle, "delay", 3*time.Second, "idle time after each round")
	durationVar(fs, &l.cfg.Expiry, "expiry", 0, "when the server lets go of abandoned sessions; rounds of them wait for it")
	durationVar(fs, &l.cfg.MaxTime, "max-time", 15*time.Minute, "begin no further round after this long")
	sizeVar(fs, &l.cfg.MaxMemory, "max-memory", 0, "stop the load when the server holds this much (half of what is free)")
	fs.BoolVar(&l.attribute, "attribute", false, "find out per what memory is kept")
	fs.StringSliceVar(&l.cfg.Factors, "factors", nil, "load the server with these only: "+strings.Join(leaktest.FactorIDs(), ", "))
	fs.StringVar(&l.cfg.Tool, "tool", "", "the tool to call (the first that the server offers)")
	fs.StringVar(&l.args, "args", "", "its arguments, a JSON object or @file (made from the tool's input schema)")
	choiceVar(cmd, fs, &l.protocol, "protocol", "MCP revision to speak", append([]string{"auto"}, mcp.Revisions...)...)
	fs.StringVar(&l.snapshot, "snapshot", snapshotPath, "where the server has its snapshot endpoint, a path or URL; off for none")
	durationVar(fs, &l.cfg.Ready, "ready-timeout", 30*time.Second, "how long the command may take until it speaks MCP")
	fs.Var(&l.heap, "stabilize", "calm the heap of a Node server, with this limit for it (256MB at least)")
	fs.Lookup("stabilize").NoOptDefVal = "auto"
	fs.StringVar(&l.cfg.GCSignal, "gc-signal", "", "signal that makes the server's collector run, sent before each reading")
	fs.StringVar(&l.gcURL, "gc-url", "", "URL that makes the server's collector run, such as …/debug/pprof/heap?gc=1")
	fs.StringArrayVar(&l.budgets, "budget", nil, "what may be kept: 10KB/session, 1KB/call, 0/FACTOR; repeatable")
	fs.StringVar(&l.baseline, "baseline", "", "verdict.json of an older run, or its folder, that this one must not be worse than")
	choiceVar(cmd, fs, &l.failOn, "fail-on", "the verdict that makes the exit code 3", "leak", "undecided")
	fs.StringVarP(&l.cfg.Folder, "output", "o", "mcpdiag-leaktest", "write all files into this folder")
	choiceVar(cmd, fs, &l.format, "format", "how the result is written", "text", "json", "junit", "github", "markdown")
	l.conn.addFlags(fs, 30*time.Second)
	group(fs, "Server", "pid", "name", "match", "transport", "ready-timeout", "snapshot", "stabilize", "gc-signal", "gc-url")
	group(fs, "Load", "users", "calls", "rounds", "delay", "expiry", "max-time", "max-memory", "tool", "args", "protocol")
	group(fs, "Verdict", "attribute", "factors", "budget", "baseline", "fail-on", "judge")
	group(fs, "Output", "output", "format")
	foundMaySet(fs, "match", "transport", "ready-timeout", "stabilize", "users", "calls", "rounds", "delay", "expiry", "max-time", "max-memory",
		"protocol", "attribute", "factors", "budget", "fail-on", "format")
	paths(fs, "output", "baseline", "judge")
}

// heapFlag is a size, or auto.
type heapFlag struct {
	on    bool
	limit int64
}

func (h *heapFlag) Set(text string) error {
	switch text {
	case "auto", "true":
		*h = heapFlag{on: true}
		return nil
	case "false":
		*h = heapFlag{}
		return nil
	}
	h.on = true
	return (*bytes64)(&h.limit).Set(text)
}

func (h *heapFlag) String() string {
	if h.limit > 0 {
		return (*bytes64)(&h.limit).String()
	}
	return ""
}

func (h *heapFlag) Type() string { return "size" }

// options checks the command line and fills the configuration.
func (l *leaktester) options(cmd *cobra.Command, operands, command []string) error {
	if err := l.oneTarget(operands, command); err != nil {
		return err
	}
	if l.judge != "" {
		return onlyJudges(cmd)
	}
	cfg := &l.cfg
	cfg.Command, cfg.Stdio = command, l.transport.value == "stdio"
	cfg.Fixed = l.a.given(cmd, "users") || l.a.given(cmd, "calls")
	cfg.Stabilize, cfg.HeapLimit = l.heap.on, l.heap.limit
	cfg.Repeat, cfg.Version = append([]string{"mcpdiag"}, l.a.args...), version()
	if l.match.value != matchOne {
		cfg.Match = process.Match(l.match.value)
	}
	if l.protocol.value != "auto" {
		cfg.Protocol = l.protocol.value
	}
	if l.attribute && len(cfg.Factors) == 0 {
		cfg.Factors = leaktest.Attribute()
	}
	switch {
	case cfg.Users > plan.MaxUsers:
		return usagef("--users is at most %d", plan.MaxUsers)
	case cfg.Stdio && len(command) == 0:
		return usagef("--transport stdio needs the command, after --: mcpdiag speaks to it over its standard streams")
	case cfg.Stabilize && len(command) == 0:
		return usagef("--stabilize sets the environment of the server: it needs the command, after --")
	case cfg.GCSignal != "" && process.SignalNumber(cfg.GCSignal) == 0:
		return usagef("--gc-signal %q: there is no such signal; SIGUSR2 is one", cfg.GCSignal)
	}
	return l.values()
}

// onlyJudges refuses what is for a run beside --judge, which makes none.
func onlyJudges(cmd *cobra.Command) (err error) {
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && !slices.Contains([]string{"judge", "format", "fail-on"}, f.Name) {
			err = usagef("--%s is for a run, and --judge makes none: it judges a file", f.Name)
		}
	})
	return err
}

// values reads the flags whose values are small languages.
func (l *leaktester) values() (err error) {
	for _, text := range l.budgets {
		b, err := parseBudget(text)
		if err != nil {
			return err
		}
		l.cfg.Budgets = append(l.cfg.Budgets, b)
	}
	if l.baseline != "" {
		if l.cfg.Baseline, err = leaktest.Load(l.baseline); err != nil {
			return err
		}
	}
	if l.cfg.Args, err = l.a.fixedArguments(l.args); err != nil {
		return err
	}
	if err := leaktest.CheckFactors(l.cfg.Factors); err != nil {
		return usageError{fmt.Errorf("--factors: %w", err)}
	}
	return nil
}

// fixedArguments reads --args: the operations of a round must be alike.
func (a *app) fixedArguments(text string) (jsontext.Value, error) {
	data := []byte(text)
	if file, ok := strings.CutPrefix(text, "@"); ok {
		in, _, err := a.openInput(file)
		if err != nil {
			return nil, err
		}
		defer in.Close() //nolint:errcheck // only read
		if data, err = io.ReadAll(in); err != nil {
			return nil, fmt.Errorf("reading --args: %w", err)
		}
	}
	if v := jsontext.Value(data); len(data) == 0 || v.IsValid() && v.Kind() == '{' {
		return v, nil
	}
	return nil, usagef(`--args is not a JSON object such as {"query": "leak"}`)
}

func (l *leaktester) oneTarget(operands, command []string) error {
	named := 0
	for _, is := range []bool{l.cfg.PID != 0, l.cfg.Name != "", l.judge != "", len(command) > 0} {
		if is {
			named++
		}
	}
	switch {
	case len(operands) > 0:
		return usagef("%q: the command to start stands after --, and the address of a server in --url", operands[0])
	case named != 1:
		return usagef("name the server with one of --pid, --name, --judge and a command after --")
	}
	return nil
}

// parseBudget reads 10KB/session.
func parseBudget(text string) (leaktest.Budget, error) {
	size, per, ok := strings.Cut(text, "/")
	var bytes int64
	if err := (*bytes64)(&bytes).Set(size); !ok || err != nil || !leaktest.KnowsBudget(per) {
		return leaktest.Budget{}, usagef("--budget %q is not like 10KB/session or 1KB/call; after the / may stand call, session, operation, abandoned, failed, request or a factor", text)
	}
	return leaktest.Budget{Bytes: float64(bytes), Per: per, Text: text}, nil
}
