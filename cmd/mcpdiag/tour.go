package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// tour shows the commands at work on a server that leaks. Each step is a
// command line, run as if a user had typed it who has set nothing.
type tour struct {
	a    *app
	self string // the program to start children with
	dir  string
	url  string
	pid  int

	started []*step
}

// leakPerSession is the fault of the tour's server.
const leakPerSession = "4MB"

func runTour(ctx context.Context, a *app, dir string) error {
	self, err := program()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the tour's folder: %w", err)
	}
	t := &tour{a: a, self: self, dir: dir}
	server, err := t.startServer(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	verdict, err := t.walk(ctx)
	if ctx.Err() != nil {
		return errors.New("the tour was interrupted")
	}
	if err != nil {
		return err
	}
	t.say(report.Bold, "\nVerdict: %s", verdict)
	t.say(report.Plain, "Files: %s. Now your own server: mcpdiag poll http://HOST:PORT", dir+string(filepath.Separator))
	return nil
}

// program is the path of this program, to start it again.
func program() (string, error) {
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		return path, nil
	}
	return os.Executable()
}

func (t *tour) say(style report.Style, format string, args ...any) {
	fmt.Fprintln(t.a.stdout, t.a.painter(t.a.stdout).Paint(style, report.Text(fmt.Sprintf(format, args...))))
}

// serverStart is how long the server may take to listen.
const serverStart = 10 * time.Second

// startServer starts the demo server as a child on a free port.
func (t *tour) startServer(ctx context.Context) (*process.Child, error) {
	announce := filepath.Join(t.dir, "server.txt")
	_ = os.Remove(announce) // that of an earlier tour, if there is one
	args := []string{"demo", "--serve", "--listen", "127.0.0.1:0", "--leak-session", leakPerSession}
	t.say(report.Bold, "$ mcpdiag %s &", strings.Join(args, " "))
	log, err := report.Stream(filepath.Join(t.dir, "server.log"))
	if err != nil {
		return nil, err
	}
	defer log.Abort()
	child, err := process.Start(process.Command{Args: append([]string{t.self}, append(args, "--announce", announce)...), Env: sealedApp().childEnv(), Stdout: log, Stderr: log})
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(serverStart); time.Now().Before(deadline); {
		if t.announced(announce) {
			t.say(report.Faint, "The demo server runs at %s, pid %d. It has the bug of many servers: when a call fails,\n"+
				"what its session holds is never let go.", t.url, t.pid)
			return child, nil
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			break
		}
	}
	child.Stop()
	return nil, fmt.Errorf("the demo server did not start; %s says why", log.Name())
}

// announced reads where the server listens, when it says so.
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

// watchTime is how long poll and monitor look on, while the other commands load the server.
const watchTime = "12s"

// walk takes the steps. When it returns none of them runs any more.
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

// steps runs the commands and returns the verdict of the last.
func (t *tour) steps(ctx context.Context) (verdict string, err error) {
	trace, memory := filepath.Join(t.dir, "trace.ndjson"), filepath.Join(t.dir, "memory.csv")
	_ = os.Remove(trace) // a trace of an earlier tour would be appended to
	poll := t.start(ctx, "poll", t.url, "--interval", "100ms", "--duration", watchTime, "-o", trace)
	monitor := t.start(ctx, "monitor", "--pid", strconv.Itoa(t.pid), "--interval", "100ms", "--duration", watchTime, "-o", memory)
	load := t.start(ctx, "loadtest", t.url, "--tool", "plan", "--users", "8", "--calls", "10")
	if err := t.show(load, "Eight users call a tool that calls other tools."); err != nil {
		return "", err
	}
	diff := t.start(ctx, "diff", t.url, "--settle", "3s", "-o", filepath.Join(t.dir, "diff.txt"), "--",
		"mcpdiag", "loadtest", t.url, "--tool", "flaky", "--users", "10", "--calls", "12", "--protocol", "2025-11-25")
	if err := t.show(poll, "Meanwhile: its snapshots, ten a second."); err != nil {
		return "", err
	}
	if err := t.show(monitor, "Meanwhile: its process, seen from outside."); err != nil {
		return "", err
	}
	flame := t.start(ctx, "flame", trace, "-o", filepath.Join(t.dir, "flame.svg"))
	if err := t.show(flame, "Where the time went: open flame.svg in a browser."); err != nil {
		return "", err
	}
	<-diff.done
	text, err := os.ReadFile(filepath.Join(t.dir, "diff.txt"))
	diff.out.Write(text)
	if err := errors.Join(err, t.showLeak(diff, "Sessions in which calls fail: a snapshot before them and one after.")); err != nil {
		return "", err
	}
	return t.leakTest(ctx)
}

// leakTest asks per what memory is kept, and returns the answer.
func (t *tour) leakTest(ctx context.Context) (verdict string, err error) {
	folder := filepath.Join(t.dir, "leaktest")
	test := t.start(ctx, "leaktest", "--pid", strconv.Itoa(t.pid), "--url", t.url, "--factors", "closed-after-failure",
		"--delay", "600ms", "--users", "4", "--max-memory", "1GB", "--max-time", "20s", "-o", folder)
	if err := t.showLeak(test, "Is it a leak, and per what? Rounds of sessions in which a call fails."); err != nil {
		return "", err
	}
	res, err := leaktest.Load(folder)
	if err != nil {
		return "", err
	}
	t.say(report.Plain, "All of it on one page: %s", filepath.Join(folder, leaktest.ReportFile))
	return res.Sentence, nil
}

// step is one command of the tour, while it runs.
type step struct {
	args     []string
	code     int
	out, err bytes.Buffer
	done     chan struct{}
}

// start runs a command in this process, on streams of its own.
func (t *tour) start(ctx context.Context, args ...string) *step {
	s := &step{args: args, done: make(chan struct{})}
	real := append([]string{}, args...)
	for i, arg := range real {
		if arg == "mcpdiag" {
			real[i] = t.self
		}
	}
	t.started = append(t.started, s)
	go func() {
		defer close(s.done)
		s.code = sealedApp().run(ctx, append([]string{"-q"}, real...), &s.out, &s.err)
	}()
	return s
}

// show waits for a step and prints it as a user would have seen it. It is an
// error that the step could not do its work; that it found something is what the tour is for.
func (t *tour) show(s *step, what string) error {
	<-s.done
	t.say(report.Faint, "\n%s", what)
	t.say(report.Bold, "$ mcpdiag %s", strings.Join(s.args, " "))
	if _, err := io.Copy(t.a.stdout, bytes.NewReader(s.out.Bytes())); err != nil {
		return err
	}
	if s.code != exitOK && s.code != exitFinding {
		return fmt.Errorf("mcpdiag %s ended with exit code %d: %s", s.args[0], s.code, s.err.String())
	}
	return nil
}

// showLeak is show for a step that must find the leak.
func (t *tour) showLeak(s *step, what string) error {
	if err := t.show(s, what); err != nil || s.code == exitFinding {
		return err
	}
	return fmt.Errorf("mcpdiag %s did not find the leak that the demo server has; is the machine very busy?", s.args[0])
}
