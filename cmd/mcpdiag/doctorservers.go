package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// examineServers examines the servers of a host's settings, or those that are named.
// It starts their commands: the user named the file, or chose it.
func (d *examiner) examineServers(ctx context.Context, names []string) error {
	list, err := d.a.serversIn(d.servers)
	if err != nil {
		return err
	}
	if list, err = chosen(list, names); err != nil {
		return err
	}
	var results []doctor.ServerResult
	for _, s := range list {
		r := doctor.ServerResult{Name: s.Name, Skipped: s.Problem}
		switch {
		case ctx.Err() != nil:
			r.Skipped = string(doctor.Interrupted)
		case s.Problem == "":
			if !d.a.quiet {
				fmt.Fprintf(d.a.stderr, "examining %s\n", report.Line(s.Name))
			}
			facts, err := d.examineServer(ctx, s)
			if err != nil {
				r.Skipped = report.Line(err.Error())
			} else {
				r.Result = doctor.Judge(facts, d.how)
			}
		}
		results = append(results, r)
	}
	return d.a.conclude(d.output, d.format.value, doctor.JudgeServers(inputName(d.servers), results, d.how))
}

// serversIn returns the servers of a host's settings.
func (a *app) serversIn(file string) ([]doctor.Server, error) {
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	return parseInput(a, file, doctor.MaxServerFile, func(data []byte) ([]doctor.Server, error) {
		return doctor.ReadServers(data, folder, a.getenv)
	})
}

// chosen returns the servers with these names, all without names.
func chosen(list []doctor.Server, names []string) ([]doctor.Server, error) {
	if len(names) == 0 {
		return list, nil
	}
	var have []string
	for _, s := range list {
		have = append(have, s.Name)
	}
	var some []doctor.Server
	for _, name := range names {
		i := slices.Index(have, name)
		if i < 0 {
			return nil, usagef("there is no server %q in the file; there are %s", name, strings.Join(have, ", "))
		}
		some = append(some, list[i])
	}
	return some, nil
}

// examineServer gathers the facts of one server, with its own credentials alone.
func (d *examiner) examineServer(ctx context.Context, s doctor.Server) (*facts.Facts, error) {
	if len(s.Command) > 0 {
		return s.Redact(gather.Command(ctx, gather.CommandOptions{Args: s.Command, Env: s.Env, Dir: s.Dir, Deadline: d.deadlineOr(gather.DefaultStart)}))
	}
	target, err := client.ParseTarget(s.URL, "")
	if err != nil {
		return nil, err
	}
	cfg := d.conn.transport(d.a)
	cfg.Header, cfg.Origins, cfg.Conns = s.Header, []*url.URL{target}, 2
	cfg.Secrets = client.SecretsOf(s.Header)
	c, err := client.New(cfg)
	if err != nil {
		return nil, err
	}
	return s.Redact(gather.Server(ctx, gather.Options{Target: target, Client: c, TLS: c.TLS(), Deadline: d.probes.Deadline, Quick: d.probes.Quick, Credentials: len(s.Header) > 0}))
}

// choose looks for the settings of hosts where no server was named. On a terminal it
// asks which file to use; elsewhere it lists them.
func (d *examiner) choose(args []string) error {
	if d.servers != "" || len(args)+len(d.command) > 0 || d.replay != "" || d.conn.url != defaultURL {
		return nil
	}
	home := d.a.getenv("HOME")
	if runtime.GOOS == "windows" {
		home = d.a.getenv("USERPROFILE")
	}
	folder, err := os.Getwd()
	if err != nil {
		return err
	}
	found := doctor.FindServers(runtime.GOOS, home, folder, d.a.getenv)
	if home == "" || len(found) == 0 {
		return nil
	}
	var list strings.Builder
	for i, f := range found {
		fmt.Fprintf(&list, "  %d  %-24s  %s\n", i+1, f.Host, report.Line(f.Path))
	}
	if !d.a.isTerminal(d.a.stdin) || !d.a.isTerminal(d.a.stderr) {
		return usagef("no server is named, and hosts have servers in these files:\n%stype: mcpdiag doctor --servers FILE, which starts them, or mcpdiag doctor URL", list.String())
	}
	fmt.Fprintf(d.a.stderr, "Hosts have servers in these files:\n%sExamine those of which file? Their commands are started. [1-%d, or Enter for none] ", list.String(), len(found))
	answer, err := bufio.NewReader(report.Interruptible(d.a.ctx, d.a.stdin)).ReadString('\n')
	n, wrong := strconv.Atoi(strings.TrimSpace(answer))
	if err != nil || wrong != nil || n < 1 || n > len(found) {
		return usagef("no file was chosen; mcpdiag doctor URL examines one server")
	}
	d.servers = found[n-1].Path
	return nil
}
