// Package tour shows mcpdiag's commands at work on demo servers with faults.
package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Config says how the tour runs commands and where it writes.
type Config struct {
	Dir     string // for the files of the commands
	Out     io.Writer
	Paint   report.Painter
	Program string   // path of mcpdiag, for the demo server
	Env     []string // of the demo server, besides ours

	// Command runs a command line of mcpdiag and reports whether it found something.
	Command func(ctx context.Context, args []string, stdout, stderr io.Writer) (found bool, err error)
	// Verdict reads the conclusion and the path of the report from the folder of a leak test.
	Verdict func(folder string) (sentence, reportFile string, err error)
}

// tour is one run. Each step is a command line, run as if typed by a user without settings.
type tour struct {
	Config
	url  string
	pid  int
	sick string // address of a server that is not healthy

	started []*step
}

// The faults of the tour's servers.
const (
	leakPerSession = "4MB"
	sickBecause    = "session-lost"
)

// Run starts two demo servers, runs the commands against them, prints each with its
// result, and ends with the verdict of a leak test.
func Run(ctx context.Context, cfg Config) error {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("making the tour's folder: %w", err)
	}
	t := &tour{Config: cfg}
	sick, err := t.startServer(ctx, "--fault", sickBecause)
	if err != nil {
		return err
	}
	defer sick.Stop()
	t.sick = t.url
	server, err := t.startServer(ctx, "--leak-session", leakPerSession)
	if err != nil {
		return err
	}
	defer server.Stop()
	t.say(report.Faint, "Two demo servers. Of the first, users say that it does not work. The second one, at %s,\n"+
		"pid %d, has the bug of many servers: when a call fails, what its session holds is never released.", t.url, t.pid)
	verdict, err := t.walk(ctx)
	if ctx.Err() != nil {
		return errors.New("the tour was interrupted")
	}
	if err != nil {
		return err
	}
	t.say(report.Bold, "\nVerdict: %s", verdict)
	t.say(report.Plain, "Files: %s", t.Dir+string(filepath.Separator))
	t.say(report.Plain, "Next, your own server, whichever it is: mcpdiag doctor http://HOST:PORT/mcp")
	return nil
}

func (t *tour) say(style report.Style, format string, args ...any) {
	fmt.Fprintln(t.Out, t.Paint.Paint(style, report.Text(fmt.Sprintf(format, args...))))
}

// serverStart is how long the server may take to listen.
const serverStart = 10 * time.Second

// startServer starts a demo server with a fault as a child on a free port.
func (t *tour) startServer(ctx context.Context, fault ...string) (*launch.Child, error) {
	announce := filepath.Join(t.Dir, "server.txt")
	_ = os.Remove(announce) // that of an earlier tour, if there is one
	args := append([]string{"demo", "--serve", "--listen", "127.0.0.1:0"}, fault...)
	t.say(report.Bold, "$ mcpdiag %s &", strings.Join(args, " "))
	log, err := report.Stream(filepath.Join(t.Dir, "server.log"))
	if err != nil {
		return nil, err
	}
	defer log.Abort()
	child, err := launch.Start(launch.Command{Args: append([]string{t.Program}, append(args, "--announce", announce)...), Env: t.Env, Stdout: log, Stderr: log})
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(serverStart); time.Now().Before(deadline); {
		if t.announced(announce) {
			return child, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
			continue
		}
		break
	}
	child.Stop()
	return nil, fmt.Errorf("the demo server did not start; %s says why", log.Name())
}

// announced reads the address of the server, once the server has written it.
func (t *tour) announced(file string) bool {
	data, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	url, pid, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	t.url = url
	t.pid, err = strconv.Atoi(pid)
	return err == nil
}

// watchTime is the duration of poll and monitor, while other commands load the server.
const watchTime = "12s"

// walk takes the steps. None of them runs any more when it returns.
func (t *tour) walk(ctx context.Context) (verdict string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for _, s := range t.started {
			<-s.done
		}
	}()
	return t.steps(ctx)
}

// steps runs the commands and returns the verdict of the last one.
func (t *tour) steps(ctx context.Context) (verdict string, err error) {
	trace, memory := filepath.Join(t.Dir, "trace.ndjson"), filepath.Join(t.Dir, "memory.csv")
	_ = os.Remove(trace) // a trace of an earlier tour would be appended to
	poll := t.start(ctx, "poll", t.url, "--interval", "100ms", "--duration", watchTime, "-o", trace)
	monitor := t.start(ctx, "monitor", "--pid", strconv.Itoa(t.pid), "--interval", "100ms", "--duration", watchTime, "-o", memory)
	load := t.start(ctx, "loadtest", t.url, "--tool", "plan", "--users", "8", "--calls", "10")
	doctor := t.start(ctx, "doctor", t.sick)
	if err := t.showFound(doctor, "What is wrong with the first server?"); err != nil {
		return "", err
	}
	if err := t.show(load, "Eight users call a tool that calls other tools."); err != nil {
		return "", err
	}
	diff := t.start(ctx, "diff", t.url, "--settle", "3s", "-o", filepath.Join(t.Dir, "diff.txt"), "--",
		"mcpdiag", "loadtest", t.url, "--tool", "flaky", "--users", "10", "--calls", "12", "--protocol", "2025-11-25")
	if err := t.show(poll, "Meanwhile: its snapshots, ten a second."); err != nil {
		return "", err
	}
	if err := t.show(monitor, "Meanwhile: its process, seen from outside."); err != nil {
		return "", err
	}
	flame := t.start(ctx, "flame", trace, "-o", filepath.Join(t.Dir, "flame.svg"))
	if err := t.show(flame, "Where the time went: open flame.svg in a browser."); err != nil {
		return "", err
	}
	<-diff.done
	text, err := os.ReadFile(filepath.Join(t.Dir, "diff.txt"))
	diff.out.Write(text)
	if err := errors.Join(err, t.showFound(diff, "Sessions in which calls fail: a snapshot before them and one after.")); err != nil {
		return "", err
	}
	return t.leakTest(ctx)
}

// leakTest attributes the leak to an operation and returns the verdict.
func (t *tour) leakTest(ctx context.Context) (verdict string, err error) {
	folder := filepath.Join(t.Dir, "leaktest")
	test := t.start(ctx, "leaktest", "--pid", strconv.Itoa(t.pid), "--url", t.url, "--factors", "closed-after-failure",
		"--delay", "600ms", "--hold", "0", "--users", "4", "--max-memory", "1GB", "--max-time", "20s", "-o", folder)
	if err := t.showFound(test, "Is it a leak, and of which operation? Rounds of sessions in which a call fails."); err != nil {
		return "", err
	}
	verdict, page, err := t.Verdict(folder)
	if err != nil {
		return "", err
	}
	t.say(report.Plain, "All of it on one page: %s", page)
	return verdict, nil
}

// step is one command of the tour, while it runs.
type step struct {
	args        []string
	found       bool
	err         error
	out, errors bytes.Buffer
	done        chan struct{}
}

// start runs a command in this process, on streams of its own.
func (t *tour) start(ctx context.Context, args ...string) *step {
	s := &step{args: args, done: make(chan struct{})}
	real := append([]string{}, args...)
	for i, arg := range real {
		if arg == "mcpdiag" {
			real[i] = t.Program
		}
	}
	t.started = append(t.started, s)
	go func() {
		defer close(s.done)
		s.found, s.err = t.Command(ctx, append([]string{"-q"}, real...), &s.out, &s.errors)
	}()
	return s
}

// show waits for a step and prints it as a user would have seen it. A finding is
// the purpose of the tour; a step that could not do its work is an error.
func (t *tour) show(s *step, title string) error {
	<-s.done
	t.say(report.Faint, "\n%s", title)
	t.say(report.Bold, "$ mcpdiag %s", strings.Join(s.args, " "))
	if _, err := io.Copy(t.Out, bytes.NewReader(s.out.Bytes())); err != nil {
		return err
	}
	if s.err != nil {
		return fmt.Errorf("mcpdiag %s %w: %s", s.args[0], s.err, s.errors.String())
	}
	return nil
}

// showFound is show for a step that must find the fault of its server.
func (t *tour) showFound(s *step, title string) error {
	if err := t.show(s, title); err != nil || s.found {
		return err
	}
	return fmt.Errorf("mcpdiag %s did not find the fault that the demo server has; is the machine very busy?", s.args[0])
}
