package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// proxyEntry is a proxy that runs for this user, as its file in stateDir says.
type proxyEntry struct {
	URL     string     `json:"url"`
	To      string     `json:"to"` // the server, or what of its command holds no secret
	ID      process.ID `json:"process"`
	Started time.Time  `json:"started"`
}

// stateDir is where the proxies of this user say where they are.
func (a *app) stateDir() (string, error) {
	if dir := a.getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "mcpdiag"), nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "mcpdiag"), err
}

// register notes a proxy for "mcpdiag proxy list", and returns what to call
// when it ends. That it cannot be noted does not keep it from running.
func (a *app) register(e proxyEntry) (end func()) {
	dir, err := a.stateDir()
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	self, selfErr := process.Lookup(os.Getpid())
	if err != nil || selfErr != nil {
		a.debug("this proxy is not in the list: %v", err)
		return func() {}
	}
	e.ID, e.Started = self.ID, time.Now()
	path := filepath.Join(dir, "proxy-"+strconv.Itoa(e.ID.PID)+".json")
	if err := a.write(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(e) }); err != nil {
		a.debug("this proxy is not in the list: %v", err)
	}
	return func() { _ = os.Remove(path) } // a file that stays is found to be stale
}

// proxies are the proxies that run. The files of those that were killed are removed.
func (a *app) proxies() ([]proxyEntry, error) {
	dir, err := a.stateDir()
	if err != nil {
		return nil, nil //nolint:nilerr // a user without a home has noted none
	}
	files, err := filepath.Glob(filepath.Join(dir, "proxy-*.json"))
	if err != nil {
		return nil, err
	}
	var running []proxyEntry
	for _, file := range files {
		var e proxyEntry
		data, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(data, &e) != nil {
			continue
		}
		if info, err := process.Lookup(e.ID.PID); err != nil || info.ID != e.ID {
			_ = os.Remove(file)
			continue
		}
		running = append(running, e)
	}
	return running, nil
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
				return writeJSON(a.stdout, append([]proxyEntry{}, running...))
			}
			if len(running) == 0 {
				a.note("no proxy runs; mcpdiag proxy --to URL starts one")
				return nil
			}
			table := report.Table{Right: map[int]bool{1: true}}
			table.Styled(report.Bold, "URL", "PID", "SINCE", "SERVER")
			for _, e := range running {
				table.Row(e.URL, fmt.Sprint(e.ID.PID), e.Started.Format(time.DateTime), report.Cell(e.To, 60))
			}
			return table.Write(a.stdout, a.painter(a.stdout))
		},
	}
	choiceVar(cmd, cmd.Flags(), &format, "format", "how the list is written", "text", "json")
	foundMaySet(cmd.Flags(), "format")
	return cmd
}
