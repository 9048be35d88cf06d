package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/bundle"
	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// bundler is one run of the bundle command.
type bundler struct {
	a      *app
	doctor examiner
	files  []string
	output string
	b      bundle.Bundle
}

const defaultBundle = "mcpdiag-bundle.tar.gz"

func newBundleCmd(a *app) *cobra.Command {
	m := &bundler{a: a, doctor: examiner{a: a}}
	cmd := &cobra.Command{
		SuggestFor: []string{"support", "pack"},
		Use:        "bundle [URL] [--file FILE…]",
		Short:      "Pack one archive for a support ticket, without secrets",
		Long: `bundle packs what a support ticket needs into one archive: the version and the system, what
doctor observes of the server and concludes, a snapshot, the proxies that run, and the
files that you name, such as logs, traces and results.

Secrets are removed first: values of secret names, tokens of known shapes, passwords in
addresses, private keys, and the values of secret environment variables. Files that are
not text are refused. If a file that you name is missing or refused, the exit code is 1, and
the archive has the rest. Nothing is sent anywhere; read the archive before you pass it on.`,
		Example: `  mcpdiag bundle http://localhost:3000/mcp
  mcpdiag bundle http://localhost:3000/mcp --file server.log --file mcpdiag-leaktest/verdict.json
  mcpdiag bundle --file mcp.json -o ticket-1234.tar.gz`,
		RunE: func(cmd *cobra.Command, args []string) error { return m.run(cmd, args) },
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&m.files, "file", nil, "add this file; repeatable")
	fs.StringVarP(&m.output, "output", "o", defaultBundle, "write the archive to this file, - for standard output")
	paths(fs, "file", "output")
	m.doctor.conn.addFlags(fs, 10*time.Second)
	a.completeServers(cmd)
	return cmd
}

func (m *bundler) run(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("one server at a time; name files with --file")
	}
	m.b.At = time.Now()
	m.b.Redactor.KnowEnvironment(os.Environ())
	m.b.Redactor.Know(m.a.getenv("MCPDIAG_TOKEN"))
	var facts *facts.Facts
	if len(args) > 0 || m.a.given(cmd, "url") {
		var err error
		if facts, err = m.server(cmd.Context(), args); err != nil {
			return err
		}
	}
	m.b.Redactor.Know(m.a.secrets...)
	m.system()
	if facts != nil {
		m.judge(facts)
		m.snapshot(cmd.Context(), args)
	}
	if err := cmd.Context().Err(); err != nil {
		return err // an incomplete bundle misleads
	}
	m.proxies()
	var missing error // asked for; the archive without them is written nevertheless
	for _, file := range m.files {
		if err := m.add(file); err != nil {
			m.b.Miss(file, err)
			missing = errors.Join(missing, fmt.Errorf("%s is not in the archive: %w", report.Line(file), err))
		}
	}
	if err := m.pack(); err != nil {
		return err
	}
	return missing
}

// server gathers the facts of the server, and makes the credentials known.
func (m *bundler) server(ctx context.Context, args []string) (*facts.Facts, error) {
	m.doctor.probes.Deadline = gather.DefaultDeadline
	m.a.note("examining the server: at most %s", report.Duration(gather.DefaultDeadline))
	return m.doctor.facts(ctx, args)
}

// judge adds the facts and the conclusion of doctor.
func (m *bundler) judge(facts *facts.Facts) {
	res := doctor.Judge(facts, m.doctor.how)
	m.write("doctor-facts.json", "what doctor observed; mcpdiag doctor --replay judges it again", func(w io.Writer) error { return report.WriteJSON(w, facts) })
	m.write("doctor.txt", "what doctor concludes", func(w io.Writer) error { return res.Text(w, false) })
}

// snapshot adds the document of the snapshot endpoint, if there is one.
func (m *bundler) snapshot(ctx context.Context, args []string) {
	const name = "snapshot.json"
	target, err := m.snapshotURL(args)
	if err != nil {
		m.b.Miss(name, err)
		return
	}
	c, err := m.doctor.conn.open(m.a, []*url.URL{target}, 1)
	if err != nil {
		m.b.Miss(name, err)
		return
	}
	answer, err := c.Get(ctx, target.String())
	switch {
	case err != nil:
		m.b.Miss(name, client.Cause(err))
	case !json.Valid(answer.Body):
		m.b.Miss(name, errors.New("the answer is not JSON; the server has no snapshot endpoint"))
	default:
		m.b.Add(name, "the server at "+m.b.At.Format(time.RFC3339), answer.Body)
	}
}

// snapshotURL is the snapshot endpoint beside an MCP endpoint.
func (m *bundler) snapshotURL(args []string) (*url.URL, error) {
	targets, err := m.doctor.conn.targets(args, snapshotPath)
	if err != nil {
		return nil, err
	}
	u := *targets[0]
	u.Path, u.RawPath, u.RawQuery = snapshotPath, "", ""
	return &u, nil
}

// system adds the version and the machine.
func (m *bundler) system() {
	text := fmt.Sprintf("%s\ncpus %d\ntime %s\nvariables %s\n", about(), runtime.NumCPU(), m.b.At.Format(time.RFC3339), strings.Join(ownVariables(), " "))
	m.b.Add("version.txt", "mcpdiag, the system, and names of its variables", []byte(text))
}

func (m *bundler) proxies() {
	running, err := m.a.proxies()
	if err != nil || len(running) == 0 {
		return // it is a detail
	}
	m.write("proxies.json", "the proxies that run", func(w io.Writer) error { return report.WriteJSON(w, running) })
}

// write adds a file that a function writes.
func (m *bundler) write(name, about string, write func(io.Writer) error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		m.b.Miss(name, err)
		return
	}
	m.b.Add(name, about, b.Bytes())
}

func (m *bundler) add(file string) error {
	in, err := m.a.openInput(file)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	return m.b.AddFile(filepath.ToSlash(inputName(file)), in)
}

// pack writes the archive and lists its files.
func (m *bundler) pack() error {
	if m.output == "-" && m.a.isTerminal(m.a.stdout) {
		return usagef("the archive would go to the terminal; write it to a file with -o")
	}
	if err := m.a.write(m.output, m.b.Write); err != nil {
		return err
	}
	out := m.a.beside(m.output)
	if err := m.b.Table(out, m.a.painter(out)); err != nil {
		return err
	}
	m.a.note("read it before you pass it on")
	return nil
}
