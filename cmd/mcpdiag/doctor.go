package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// examiner is one run of the doctor command.
type examiner struct {
	a        *app
	conn     connection
	how      doctor.Judgement
	probes   gather.Options
	command  []string // after --
	timed    bool     // the user gave the deadline
	yes      bool
	plan     bool
	list     bool
	describe string
	save     string
	replay   string
	servers  string
	baseline string
	anyOld   bool // the baseline may be of another target
	failOn   choice
	format   choice
	output   string
	more     doctorExtras
}

// maxFacts is the size of the largest file of facts that is read.
const maxFacts = 32 << 20

func newDoctorCmd(a *app) *cobra.Command {
	d := examiner{a: a}
	cmd := &cobra.Command{
		SuggestFor: []string{"check", "diagnose"},
		Use:        "doctor [URL | --servers FILE [NAME...] | -- COMMAND]",
		Short:      "Say what is wrong with a server, and what to do",
		Long: `doctor examines an MCP server in at most ten seconds (15 where initialize is slow) and
50 requests, names the cause of what is wrong, shows the exchange that proves it, and
says how to mend it.

It calls no tool, ends each session that it opens, stops at the first answer that limits
the rate, and sends credentials to the server alone. A server that wants a token and gets
none is not sick. A command is started, spoken to over its standard streams, and ended;
it gets a minute to start. Without a server, doctor looks for the files in which hosts on
this machine keep theirs, and asks.

Exit code 3: the server is sick or unreachable (--fail-on warn: or degraded).`,
		Example: `  mcpdiag doctor https://mcp.example.com/mcp
  mcpdiag doctor https://mcp.example.com/mcp --token-file token.txt --format markdown
  mcpdiag doctor -- npx -y @modelcontextprotocol/server-everything
  mcpdiag doctor --servers ~/.cursor/mcp.json
  mcpdiag doctor localhost:3000 --only http,network --curl
  mcpdiag doctor localhost:3000 --save facts.json
  mcpdiag doctor --replay facts.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseNothing(cmd, args); err != nil {
				return err
			}
			operands, command := splitDash(cmd, args)
			if err := refusePort(cmd, command); err != nil {
				return err
			}
			d.command, d.timed = command, a.given(cmd, "deadline")
			return d.run(cmd.Context(), operands)
		},
	}
	d.addFlags(cmd)
	for _, flag := range []string{"only", "skip", "describe"} {
		complete(cmd, flag, checksOfDoctor)
	}
	a.completeServers(cmd)
	return cmd
}

func (d *examiner) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringSliceVar(&d.how.Only, "only", nil, "show these checks, by id, group or pattern: http, 'network.t*'")
	fs.StringSliceVar(&d.how.Skip, "skip", nil, "leave these checks out")
	fs.BoolVar(&d.probes.Quick, "quick", false, "only the handshake and the listings, for probes and CI")
	durationVar(fs, &d.probes.Deadline, "deadline", gather.DefaultDeadline, "time for everything")
	durationVar(fs, &d.probes.Ready, "ready-timeout", 0, "wait for a server that has just been started: time until it answers, before --deadline begins")
	fs.BoolVar(&d.probes.Deep, "deep", false, "watch an idle event stream for over two minutes, and try all revisions: at most 180 s, 150 requests")
	fs.StringVar(&d.probes.SlowTool, "slow-tool", "", "call this tool, which takes half a second or more, up to five times: does cancelling stop it, does it hold up others?")
	fs.StringVar(&d.probes.SlowArgs, "args", "", "arguments of the tool that is called, a JSON object (default: made from its input schema)")
	positiveVar(fs, &d.probes.Burst, "burst", 0, "send this many cheap requests at once, at most 30; a server elsewhere needs --yes")
	fs.BoolVar(&d.yes, "yes", false, "allow --burst for a server that is not on this machine")
	alsoVar(fs, &d.probes.Also)
	fs.BoolVar(&d.plan, "plan", false, "print the requests that would be sent, and send none")
	fs.BoolVar(&d.list, "list-checks", false, "list the checks")
	fs.StringVar(&d.describe, "describe", "", "describe the check with this id")
	fs.StringVar(&d.save, "save", "", "write what was observed to this file, without secrets")
	fs.StringVar(&d.replay, "replay", "", "judge what --save wrote, without the server; - is standard input")
	clientVar(cmd, &d.how.Client)
	choiceVar(cmd, fs, &d.failOn, "fail-on", "what makes the exit code 3", "fail", "warn", "new", "never")
	fs.StringVar(&d.servers, "servers", "", "examine the servers of this file of Claude, VS Code or Cursor, all or those named; starts their commands")
	fs.StringVar(&d.baseline, "baseline", "", "compare with the JSON of an earlier run: failures, tools, latency")
	fs.BoolVar(&d.anyOld, "baseline-any", false, "compare with a baseline of another server")
	fs.BoolVar(&d.how.Short, "short", false, "print the verdict and the problems only")
	fs.BoolVar(&d.how.Curl, "curl", false, "print a command that repeats the exchange of each problem")
	formatVar(cmd, fs, &d.format)
	fs.StringVarP(&d.output, "output", "o", "", "write the result to this file")
	group(fs, "Selection", "servers", "only", "skip", "client", "quick", "deadline", "ready-timeout", "plan", "list-checks", "describe")
	group(fs, "More probes", "deep", "slow-tool", "args", "burst", "yes", "also")
	group(fs, "Facts", "save", "replay", "baseline", "baseline-any")
	group(fs, "Output", "fail-on", "short", "curl", "format", "output")
	foundMaySet(fs, "quick", "deep", "deadline", "ready-timeout", "fail-on", "format", "only", "skip")
	d.more.addFlags(fs, &d.probes)
	paths(fs, "servers", "save", "replay", "baseline", "output")
	d.conn.addFlags(fs, 15*time.Second)
	d.conn.addTokenCommand(fs)
}

func (d *examiner) run(ctx context.Context, args []string) error {
	d.how.FailOn, d.how.Verbose = finding.Severity(d.failOn.value), d.a.verbose
	if d.output == "" && d.a.isTerminal(d.a.stdout) {
		d.how.Width, d.how.Height = d.a.size(d.a.stdout)
	}
	if err := errors.Join(doctor.CheckPatterns(d.how.Only), doctor.CheckPatterns(d.how.Skip)); err != nil {
		return usagef("%w; --list-checks lists all", err)
	}
	if err := d.checkProbes(); err != nil {
		return err
	}
	switch {
	case d.list:
		return d.a.write(d.output, listChecks)
	case d.describe != "":
		return d.describeCheck()
	case d.plan:
		return d.a.write(d.output, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, strings.Join(doctor.Plan(d.probes.Quick), "\n"))
			return err
		})
	}
	if err := d.readBaseline(); err != nil {
		return err
	}
	if err := d.more.check(d.command); err != nil {
		return err
	}
	if err := d.choose(args); err != nil {
		return err
	}
	if d.servers != "" {
		if err := d.checkServers(); err != nil {
			return err
		}
		return d.examineServers(ctx, args)
	}
	facts, err := d.facts(ctx, args)
	if err != nil {
		return err
	}
	if old := d.how.Baseline; old != nil && !d.anyOld {
		if err := doctor.Comparable(facts, old); err != nil {
			return fmt.Errorf("--baseline %s: %w", d.baseline, err)
		}
	}
	if d.save != "" {
		if err := d.a.write(d.save, func(w io.Writer) error { return report.WriteJSON(w, facts) }); err != nil {
			return err
		}
	}
	if err := d.a.conclude(d.output, d.format.value, doctor.Judge(facts, d.how)); err != nil {
		return err
	}
	if name := facts.MissingTool(); name != "" {
		return fmt.Errorf("the server lists no tool %q, so it was not called", name)
	}
	return nil
}

// readBaseline reads the earlier run that this one is compared with.
func (d *examiner) readBaseline() error {
	if d.baseline == "" {
		if d.how.FailOn == doctor.FailOnNew {
			return usagef("--fail-on new needs --baseline")
		}
		return nil
	}
	var err error
	d.how.Baseline, err = parseInput(d.a, d.baseline, maxFacts, doctor.ReadBaseline)
	return err
}

// facts reads the facts from a file, or gathers them from the server.
func (d *examiner) facts(ctx context.Context, args []string) (*facts.Facts, error) {
	if d.replay != "" {
		if len(args)+len(d.command) > 0 {
			return nil, usagef("--replay judges a file; leave the address out")
		}
		return parseInput(d.a, d.replay, maxFacts, parseFacts)
	}
	if len(d.command) > 0 {
		if len(args) > 0 {
			return nil, usagef("name an address or a command, not both")
		}
		return d.start(ctx), nil
	}
	if len(args) > 1 {
		return nil, usagef("one server at a time; %d were named", len(args))
	}
	targets, err := d.conn.targets(args, mcpPath)
	if err != nil {
		return nil, err
	}
	return d.gather(ctx, targets[0])
}

// deadlineOr returns the deadline that the user gave, or other: the default is meant for
// servers that run already.
func (d *examiner) deadlineOr(other time.Duration) time.Duration {
	if d.timed {
		return d.probes.Deadline
	}
	return other
}

// start examines a command.
func (d *examiner) start(ctx context.Context) *facts.Facts {
	return gather.Command(ctx, gather.CommandOptions{Args: d.command, Deadline: d.deadlineOr(gather.DefaultStart), Minimal: d.more.minimal, Call: d.more.call(d.probes.SlowArgs)})
}

func (d *examiner) gather(ctx context.Context, target *url.URL) (*facts.Facts, error) {
	if d.probes.Burst > 0 && !d.yes && !client.IsLoopback(target.Hostname()) {
		return nil, usagef("--burst sends %d requests at once to a server that is not on this machine; --yes allows it", d.probes.Burst)
	}
	o := d.probes
	if o.Deep || o.SlowTool != "" {
		d.conn.timeout = gather.DeepDeadline
		o.Deadline = d.deadlineOr(gather.DeepDeadline)
	}
	c, err := d.conn.open(d.a, []*url.URL{target}, 2)
	if err != nil {
		return nil, err
	}
	if o.Refresh, err = d.more.refreshToken(d.a); err != nil {
		return nil, err
	}
	o.Target, o.Client, o.TLS, o.Header, o.Call = target, c, c.TLS(), d.conn.sent, d.more.call(o.SlowArgs)
	o.Credentials = len(d.a.secrets) > 0 || d.conn.tls.Cert != ""
	if d.a.live() || o.Deadline+o.Ready > gather.DefaultDeadline {
		defer d.a.countdown("examining the server", o.Deadline+o.Ready)()
	}
	return gather.Server(ctx, o), nil
}

func parseFacts(data []byte) (*facts.Facts, error) {
	var f facts.Facts
	if err := json.Unmarshal(data, &f); err != nil || f.Schema != facts.FactsSchema {
		return nil, fmt.Errorf("not facts that --save wrote (want the schema %s)", facts.FactsSchema)
	}
	return &f, nil
}

func listChecks(w io.Writer) error {
	t := report.Table{}
	for _, c := range doctor.Listings() {
		most := "warns"
		if c.Fails {
			most = "fails"
		}
		t.Row(c.ID, most, c.Title)
	}
	return t.Write(w, false)
}

func (d *examiner) describeCheck() error {
	for _, c := range doctor.Listings() {
		if c.ID != d.describe {
			continue
		}
		return d.a.write(d.output, func(w io.Writer) error {
			t := report.Table{}
			t.Row("id", c.ID)
			t.Row("passes if", c.Title)
			t.Row("can fail", strconv.FormatBool(c.Fails))
			t.Row("needs", strings.Join(c.Needs, ", "))
			t.Row("reference", c.Reference)
			return t.Write(w, false)
		})
	}
	var known []string
	for _, c := range doctor.Listings() {
		known = append(known, c.ID)
	}
	return usagef("there is no check %q%s; --list-checks lists them", d.describe, report.DidYouMean(report.Closest(d.describe, known)))
}
