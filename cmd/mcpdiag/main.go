// Command mcpdiag diagnoses MCP servers: calls that hang, time, memory and load.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

func main() {
	if process.IsWatchdog(os.Args) {
		os.Exit(launch.Watchdog())
	}
	if runsLogs(os.Args[1:]) && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(logsHeapLimit)
	}
	log.SetOutput(io.Discard) // net/http logs unsolicited data of servers there, unsanitized
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal ends the run, the second kills
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// logsHeapLimit keeps logs below 64 MB whatever it reads. A lower one costs time.
const logsHeapLimit = 40 << 20

// runsLogs reports whether the command line names the command logs.
func runsLogs(args []string) bool {
	i := slices.IndexFunc(args, func(arg string) bool { return !strings.HasPrefix(arg, "-") })
	return i >= 0 && args[i] == "logs"
}

// program returns the path of this program, to start it again.
func program() (string, error) {
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		return path, nil
	}
	return os.Executable()
}

// Exit codes, the same whatever the format is.
const (
	exitOK      = 0 // nothing found
	exitFailure = 1 // could not do it
	exitUsage   = 2 // wrong command line
	exitFinding = 3 // a finding: leak suspected, threshold crossed, check failed
)

// outcomeError is the error of a command that did its work and ended with an
// outcome other than Clean. Its text is empty if the result has said it.
type outcomeError struct {
	outcome finding.Outcome
	text    string
}

func (e outcomeError) Error() string { return e.text }

// errFinding ends a command whose result is a finding.
var errFinding = outcomeError{outcome: finding.Found}

// runError is an error that a command returned while it ran. Every other error
// that cobra returns came from the command line.
type runError struct{ error }

func (e runError) Unwrap() error { return e.error }

// usageError is a wrong command line that the running command detects.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run runs the command line args and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&app{stdin: stdin, getenv: os.Getenv}).run(ctx, args, stdout, stderr)
}

func (a *app) run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a.ctx, a.args = ctx, args
	a.stdout, a.stderr = a.guard(stdout), a.guard(stderr)
	a.secrets = client.SecretsOf(nil, a.getenv("MCPDIAG_TOKEN")) // children inherit it and may print it
	root := newRootCmd(a)
	root.SetArgs(append([]string{}, args...)) // nil would mean os.Args
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	_ = a.stdout.Flush() // its error is kept as lost
	if status, ok := errors.AsType[childStatus](err); ok {
		return int(status) // the exit status of the wrapped server
	}
	if lost := a.stdout.lost; err == nil && lost != nil {
		err = runError{fmt.Errorf("writing standard output: %w", lost)}
	}
	code := exitCode(err)
	switch code {
	case exitFailure:
		a.complain(err)
	case exitUsage:
		a.complain(err)
		fmt.Fprintf(a.stderr, "See %q.\n", cmd.CommandPath()+" --help")
	}
	_ = a.stderr.Flush() // there is nobody left to tell
	return code
}

// exitCode maps the error of a command to the exit code. It alone does.
func exitCode(err error) int {
	var ran runError
	var usage usageError
	var end outcomeError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage), !errors.As(err, &ran):
		if errors.Is(err, context.Canceled) {
			return exitFailure // the file that a flag names was opened when the signal came
		}
		return exitUsage
	case errors.As(err, &end) && end.outcome == finding.Found:
		return exitFinding
	}
	return exitFailure
}

// complain prints err, one line for each error that is joined in it.
func (a *app) complain(err error) {
	prefix := a.painter(a.stderr).Paint(report.Bad, "mcpdiag:")
	interrupted := errors.Is(err, context.Canceled)
	for _, line := range report.ErrorLines(err) {
		if interrupted { // otherwise the words are those of a server
			line = strings.ReplaceAll(line, context.Canceled.Error(), "interrupted")
		}
		fmt.Fprintln(a.stderr, prefix, line)
	}
}
