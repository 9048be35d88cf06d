package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/inspect"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// runningFlags choose a running process: of Node.js by its inspector, of Go by pprof; a
// command may take other runtimes.
type runningFlags struct {
	pid     int
	consent bool // to open the inspector of the process
	address string
	conn    connection
}

// add adds the flags; runtimes and effect say in the help of which runtimes a process
// may be, and how it is affected.
func (r *runningFlags) add(cmd *cobra.Command, runtimes, effect string) {
	fs := cmd.Flags()
	positiveVar(fs, &r.pid, "pid", 0, "running process of "+runtimes+"; needs --attach")
	fs.BoolVar(&r.consent, "attach", false, "with --pid: open the inspector of the process on a loopback port, "+effect)
	fs.StringVar(&r.address, "inspect", "", "running process of Node.js whose inspector is open at this loopback address, such as 127.0.0.1:9229")
	r.conn.addFlags(fs, defaultRunningTimeout)
	group(fs, "Running process", "pid", "attach", "inspect")
	foundMaySet(fs, "url") // that of a config file has no effect: choose heeds the command line only
}

// choose returns the flag that names a running process, "" if none does.
func (r *runningFlags) choose(cmd *cobra.Command) (string, error) {
	chosen := ""
	for _, flag := range []string{"pid", "inspect", "url"} {
		if !cmd.Flags().Changed(flag) {
			continue
		}
		if chosen != "" {
			return "", usagef("--%s and --%s exclude each other", chosen, flag)
		}
		chosen = flag
	}
	if r.consent != (r.pid != 0) {
		return "", usagef("--pid affects the process, for which it opens its inspector on a loopback port if it is Node.js, and needs --attach to say that this is acceptable; --attach goes with --pid only")
	}
	return chosen, nil
}

// session connects to the inspector, and opens it if the process was chosen by its
// PID. The function that it returns puts everything back.
func (r *runningFlags) session(ctx context.Context, a *app) (s *inspect.Session, name string, done func(), err error) {
	if r.pid == 0 {
		if s, err = inspect.Dial(ctx, r.address); err != nil {
			return nil, "", nil, err
		}
		return s, "the process at " + r.address, func() { _ = s.Close() }, nil // it is only left
	}
	info, err := launched(r.pid)
	if err != nil {
		return nil, "", nil, err
	}
	if s, err = live.Inspect(ctx, &info); err != nil {
		return nil, "", nil, err
	}
	a.note("the inspector of process %d is open on %s", info.PID, s.Address())
	return s, fmt.Sprintf("process %d", info.PID), func() {
		if err := s.End(ctx); err != nil {
			a.warn(err.Error())
		}
	}, nil
}

// launcher is the command line of a program that starts a server and waits for it: npx
// changes its title to "npm exec …".
var launcher = regexp.MustCompile(`^(npm|npx|pnpm|yarn)( |$)|/(npm|npx|pnpm|yarn)(-cli)?([. ]|$)`)

// launched returns the process with a PID, or the process of Node.js that it launched.
func launched(pid int) (process.Info, error) {
	info, err := process.Lookup(pid)
	if err != nil || live.IsNode(&info) && !launches(&info) {
		return info, err
	}
	members, err := process.Family(info.ID)
	if err != nil {
		return info, err
	}
	for _, id := range members {
		if member, err := process.Lookup(id.PID); err == nil && live.IsNode(&member) && !launches(&member) {
			return member, nil
		}
	}
	return info, nil
}

func launches(info *process.Info) bool {
	return launcher.MatchString(strings.Join(info.Args[:min(len(info.Args), 2)], " "))
}

// pprof returns the address of a profile of a Go server, which is at path unless
// --url has a path, with one more member of the query unless it has that.
func (r *runningFlags) pprof(a *app, path, key, value string) (*url.URL, *client.Client, error) {
	target, err := client.ParseTarget(r.conn.url, path)
	if err != nil {
		return nil, nil, usageError{err}
	}
	if query := target.Query(); !query.Has(key) {
		query.Set(key, value)
		target.RawQuery = query.Encode()
	}
	c, err := r.conn.open(a, []*url.URL{target}, 1)
	return target, c, err
}

// getProfile asks a Go server for a profile.
func getProfile(ctx context.Context, c *client.Client, target *url.URL) ([]byte, error) {
	resp, err := c.Get(ctx, target.String())
	if status, ok := errors.AsType[*client.StatusError](err); ok && status.Code == http.StatusNotFound {
		return nil, fmt.Errorf("GET %s: %s: a Go server has this page if it imports net/http/pprof and serves http.DefaultServeMux; give the address where it does, or a file",
			client.RedactURL(target), status.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", client.RedactURL(target), err)
	}
	return resp.Body, nil
}

// cpuProfileVar adds the flag --cpu-profile.
func cpuProfileVar(fs *pflag.FlagSet, p *bool) {
	fs.BoolVar(p, "cpu-profile", false, "profile the CPU of the server under load, for the report: Node.js by its inspector on a loopback port, Go by /debug/pprof")
	group(fs, "Output", "cpu-profile")
}
