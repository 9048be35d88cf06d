package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/proxy/registry"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// register adds the proxy at address to those that "mcpdiag proxy list" shows,
// and returns the function that removes it. A proxy that cannot be added runs
// all the same.
func (f *proxyFlags) register(address string) (end func()) {
	dir, err := registry.Dir(f.a.getenv("XDG_RUNTIME_DIR"))
	if err != nil {
		f.a.debug("this proxy is not in the list: %v", err)
		return func() {}
	}
	r, err := registry.Register(dir, registry.Entry{URL: address, To: f.cfg.Name})
	if err != nil {
		f.a.debug("this proxy is not in the list: %v", err)
		return func() {}
	}
	f.cfg.OnServerName = func(name string) {
		if err := r.SetName(name); err != nil {
			f.a.debug("the list of proxies does not show the name %s: %v", name, err)
		}
	}
	return r.End
}

// proxies returns the proxies of this user that run.
func (a *app) proxies() ([]registry.Entry, error) {
	dir, err := registry.Dir(a.getenv("XDG_RUNTIME_DIR"))
	if err != nil {
		return nil, nil //nolint:nilerr // a user without a home directory has registered none
	}
	return registry.Running(dir)
}

func newProxyListCmd(a *app) *cobra.Command {
	var format choice
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the proxies that run for this user",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			running, err := a.proxies()
			if err != nil {
				return err
			}
			if format.value == "json" {
				return report.WriteJSON(a.stdout, append([]registry.Entry{}, running...))
			}
			if len(running) == 0 {
				a.note("no proxy runs; mcpdiag proxy --to URL starts one")
				return nil
			}
			table := report.Table{Right: map[int]bool{1: true}}
			table.Styled(report.Bold, "URL", "PID", "SINCE", "NAME", "SERVER")
			for _, e := range running {
				table.Row(e.URL, fmt.Sprint(e.ID.PID), e.Started.Format(time.DateTime), report.Cell(e.Name, 40), report.Cell(e.To, 60))
			}
			return table.Write(a.stdout, a.painter(a.stdout))
		},
	}
	choiceVar(cmd, cmd.Flags(), &format, "format", "format of the list", "text", "json")
	return cmd
}
