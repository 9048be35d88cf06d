package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps"
	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/deps/redis"
	"github.com/mcpdiag/mcpdiag/internal/deps/s3"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// depsChecker is one run of the deps command.
type depsChecker struct {
	a        *app
	conn     connection
	named    map[deps.Kind]*[]string // the addresses of the flags
	pid      int
	file     string
	match    []string
	snapshot string
	sessions string // pattern of their keys
	cfg      deps.Config
	failOn   choice
	format   choice
	output   string
}

// depsKinds are the kinds of servers that can be checked, with the variables that name
// one where no flag does. The flag of a kind has its name.
var depsKinds = []struct {
	kind      deps.Kind
	usage     string
	variables []string
}{
	{deps.Postgres, "address of a PostgreSQL server", []string{"DATABASE_URL", "POSTGRES_URL"}},
	{deps.Redis, "address of a Redis or Valkey server", []string{"REDIS_URL"}},
	{deps.RabbitMQ, "address of a RabbitMQ server, or of its management API", []string{"AMQP_URL", "RABBITMQ_URL"}},
	{deps.S3, "bucket of S3-compatible storage, s3://bucket or https://host/bucket, with the keys of AWS_ACCESS_KEY_ID and others", []string{"S3_BUCKET", "AWS_S3_BUCKET"}},
	{deps.Prometheus, "address of a Prometheus server", []string{"PROMETHEUS_URL"}},
	{deps.Alertmanager, "address of an Alertmanager", []string{"ALERTMANAGER_URL"}},
	{deps.Kube, "pods in Kubernetes, CONTEXT/NAMESPACE/SELECTOR as kubectl has them, each may be empty", nil},
}

func newDepsCmd(a *app) *cobra.Command {
	d := depsChecker{a: a, named: map[deps.Kind]*[]string{}}
	cmd := &cobra.Command{
		SuggestFor: []string{"dependencies", "postgres", "database", "redis", "alerts"},
		Use:        "deps",
		Short:      "Check the databases and other servers that a server depends on",
		Long: `deps checks the servers that an MCP server depends on. PostgreSQL and Redis: slots and
clients, transactions that stay open, sessions that block others, slow statements and
commands, memory, keys that never expire, rate limits that never reset. RabbitMQ: alarms,
queues without a consumer, messages that nobody acknowledges. S3: rights, clock, uploads
that were never completed. Prometheus and Alertmanager: targets that are down, rules that
fail, alerts that fire, what is silenced. Kubernetes, by kubectl: pods that are not ready
or ran out of memory, limits, probes, events, replicas without session affinity.

It changes nothing: the statement that would help is printed for you to run. A check that
the user may not make is skipped and names the missing right. Without an address it takes
those of DATABASE_URL, POSTGRES_URL, REDIS_URL, AMQP_URL, RABBITMQ_URL, S3_BUCKET,
AWS_S3_BUCKET, PROMETHEUS_URL and ALERTMANAGER_URL. A failure makes the exit code 3.`,
		Example: `  DATABASE_URL=postgres://monitor@db/app mcpdiag deps
  mcpdiag deps --from-pid 4711 --interval 10s
  mcpdiag deps --from-config ~/.cursor/mcp.json --only 'pg.slots,pg.idle-tx'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	fs := cmd.Flags()
	for _, k := range depsKinds {
		d.named[k.kind] = fs.StringArray(string(k.kind), nil, k.usage+"; repeatable")
		group(fs, "Servers", string(k.kind))
	}
	positiveVar(fs, &d.pid, "from-pid", 0, "take the addresses from the environment and the arguments of this process (Linux)")
	fs.StringVar(&d.file, "from-config", "", "take the addresses from the servers of this mcp.json")
	durationVar(fs, &d.cfg.Interval, "interval", 0, "read counters twice, this far apart, for rates")
	durationVar(fs, &d.cfg.Slow, "slow", time.Second, "warn of statements that take longer on average")
	fs.StringVar(&d.cfg.Pattern, "rate-limit-pattern", "rate_limit:*", "keys of rate limits in Redis")
	fs.StringVar(&d.snapshot, "sessions-of", "", "compare the sessions in Redis with those that the snapshot at this URL counts, of the server or of the proxy")
	fs.StringVar(&d.sessions, "session-pattern", "*session:*", "keys of sessions in Redis")
	fs.StringSliceVar(&d.match, "match", nil, "judge only alerts, targets and metrics with this label, such as job=mcp; repeatable")
	fs.StringSliceVar(&d.cfg.Only, "only", nil, "run these checks only, such as pg.slots or 'pg.*'; repeatable")
	complete(cmd, "only", deps.Checks)
	choiceVar(cmd, fs, &d.failOn, "fail-on", "findings that make the exit code 3", "fail", "warn")
	formatVar(cmd, fs, &d.format)
	fs.StringVarP(&d.output, "output", "o", "", "write the result to this file")
	d.conn.addTransportFlags(fs, checks.ConnectTime)
	group(fs, "Servers", "from-pid", "from-config")
	group(fs, "Checks", "interval", "slow", "rate-limit-pattern", "sessions-of", "session-pattern", "match", "only")
	group(fs, "Output", "fail-on", "format", "output")
	foundMaySet(fs, "interval", "slow", "only", "fail-on", "format")
	paths(fs, "from-config", "output")
	return cmd
}

func (d *depsChecker) run(ctx context.Context) error {
	if err := deps.CheckOnly(d.cfg.Only); err != nil {
		return usagef("--only %s", err)
	}
	var err error
	if d.cfg.Targets, err = d.targets(); err != nil {
		return err
	}
	if d.cfg.Match, err = checks.ParseLabels(d.match); err != nil {
		return usagef("--match: %s", err)
	}
	if d.cfg.Client, err = client.New(d.conn.transport(d.a)); err != nil {
		return err
	}
	d.cfg.TLS = d.cfg.Client.TLS()
	if err := d.compareSessions(); err != nil {
		return err
	}
	if len(d.cfg.Targets) == 0 {
		return usagef("no server to check: name one with a flag such as --postgres, set DATABASE_URL or REDIS_URL, or take the addresses of a server with --from-pid or --from-config")
	}
	res, err := deps.Run(ctx, d.cfg)
	if err != nil {
		return err
	}
	return d.a.concludeOn(d.failOn.value, d.output, d.format.value, res)
}

// compareSessions sets up the comparison of the sessions in Redis with those of a server.
func (d *depsChecker) compareSessions() error {
	if d.snapshot == "" {
		return nil
	}
	target, err := client.ParseTarget(d.snapshot, snapshotPath)
	if err != nil {
		return usagef("--sessions-of: %w", err)
	}
	target = d.a.besideMCP(target, snapshotPath)
	count := func(ctx context.Context) (float64, error) {
		s, err := poll.Once(ctx, d.cfg.Client, target)
		if err != nil {
			return 0, err
		}
		if s.ActiveSessions == nil {
			return 0, errors.New("the snapshot does not count sessions; put mcpdiag proxy before the server")
		}
		return float64(*s.ActiveSessions), nil
	}
	d.cfg.Sessions = &redis.Sessions{Pattern: d.sessions, Count: count, Of: client.RedactURL(target)}
	return nil
}

// targets returns the servers that flags name, or else those of the environment.
func (d *depsChecker) targets() ([]deps.Target, error) {
	var all []deps.Target
	for _, k := range depsKinds {
		for _, address := range *d.named[k.kind] {
			flag := "--" + string(k.kind)
			address, err := d.a.databaseURL(flag, address)
			if err != nil {
				return nil, err
			}
			all = append(all, deps.Named(k.kind, address, d.a.environBeside()))
		}
	}
	if d.pid > 0 {
		found, err := dependenciesOfPID(d.pid)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if d.file != "" {
		found, err := d.a.dependenciesOf(d.file)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 && d.pid == 0 && d.file == "" {
		all = d.a.dependencies()
	}
	return all, nil
}

// dependencies returns the servers that the environment names.
func (a *app) dependencies() (all []deps.Target) {
	for _, k := range depsKinds {
		for _, name := range k.variables {
			all = append(all, deps.FromEnviron(append(a.environBeside(), name+"="+a.getenv(name)), "")...)
		}
	}
	return all
}

// environBeside returns the variables that belong to an address beside it.
func (a *app) environBeside() (all []string) {
	for _, name := range s3.Variables {
		if value := a.getenv(name); value != "" {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// warnPassword warns of a password that other users of the machine can read.
func (a *app) warnPassword(flag, address string) {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		if _, set := u.User.Password(); set {
			a.warn(flag + ": a password on the command line can be read by every user of this machine; set a variable, and give its name: " + flag + " DATABASE_URL")
		}
	}
}

// dependenciesOf returns the servers that the servers of an mcp.json name.
func (a *app) dependenciesOf(file string) ([]deps.Target, error) {
	servers, err := a.serversIn(file)
	if err != nil {
		return nil, err
	}
	var all []deps.Target
	problem := ""
	for _, s := range servers {
		all = append(all, deps.FromServer("the server "+s.Name, s.Env, s.Command)...)
		if s.Problem != "" {
			problem = fmt.Sprintf(" (server %s: %s)", s.Name, s.Problem)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("reading %s: no environment and no argument in it is the address of a dependency%s; name one with a flag such as --postgres", inputName(file), problem)
	}
	return all, nil
}

// dependenciesOfPID returns the servers that the environment and the arguments of a process
// name, with which it was started.
func dependenciesOfPID(pid int) ([]deps.Target, error) {
	environ, err := listOf(pid, "environ")
	if err != nil {
		return nil, err
	}
	args, err := listOf(pid, "cmdline")
	if err != nil {
		return nil, err
	}
	if all := deps.FromServer(fmt.Sprintf("pid %d", pid), environ, args); len(all) > 0 {
		return all, nil
	}
	var open []string
	for _, peer := range process.Peers(pid) {
		if flag := usualPorts[peer.Port()]; flag != "" {
			open = append(open, fmt.Sprintf("--%s %s", flag, fmt.Sprintf(addressForms[flag], peer)))
		}
	}
	if len(open) == 0 {
		return nil, fmt.Errorf("the environment and the arguments of process %d name no dependency; name one with a flag such as --postgres", pid)
	}
	return nil, fmt.Errorf("the environment and the arguments of process %d name no dependency, but by its connections, on usual ports, it uses some; name them: %s", pid, strings.Join(open, " "))
}

// usualPorts are the ports of servers whose kind shows when they answer.
var usualPorts = map[uint16]deps.Kind{5432: deps.Postgres, 6432: deps.Postgres, 6379: deps.Redis, 5672: deps.RabbitMQ, 9090: deps.Prometheus, 9093: deps.Alertmanager}

// addressForms are the addresses of kinds of servers, to be completed by the user.
var addressForms = map[deps.Kind]string{
	deps.Postgres: "postgres://USER@%s/DATABASE", deps.Redis: "redis://%s", deps.RabbitMQ: "amqp://USER@%s", deps.Prometheus: "http://%s", deps.Alertmanager: "http://%s",
}

// listOf returns a list that Linux keeps of a process: its environment or its arguments.
func listOf(pid int, file string) ([]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("reading the environment of process %d: it belongs to another user; run as that user", pid)
	case err != nil:
		return nil, fmt.Errorf("reading the environment of process %d: %w; it needs Linux and a process that runs", pid, report.Cause(err))
	}
	return strings.Split(strings.TrimRight(string(data), "\x00"), "\x00"), nil
}
