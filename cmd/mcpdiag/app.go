package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/term"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// app holds the streams and the environment of the process and the flags of all commands.
type app struct {
	ctx            context.Context // ends at the first signal
	stdin          io.Reader
	stdout, stderr *guarded
	getenv         func(string) string
	args           []string // the command line, without the program's name
	sealed         bool     // ignore the environment and config files, here and in children

	color   choice
	config  string
	quiet   bool
	verbose bool

	preset   map[string]bool // flags that the environment or a config file set
	foundURL bool            // --url comes from an auto-discovered config file

	secrets client.Secrets // redacted in all output

	stdinRead atomic.Bool // "-" was opened
}

// sealedApp returns an app that ignores the environment and config files.
func sealedApp() *app {
	return &app{stdin: strings.NewReader(""), getenv: func(string) string { return "" }, sealed: true}
}

// childEnv returns variables that children get in addition to the environment: the
// children of a sealed app are sealed too.
func (a *app) childEnv() []string {
	if !a.sealed {
		return nil
	}
	var env []string
	for _, name := range ownVariables() {
		env = append(env, name+"=")
	}
	return append(env, "MCPDIAG_CONFIG="+os.DevNull)
}

// ownVariables returns the names of the variables of the environment that are for mcpdiag.
func ownVariables() (names []string) {
	for _, set := range os.Environ() {
		if name, _, _ := strings.Cut(set, "="); strings.HasPrefix(name, "MCPDIAG_") {
			names = append(names, name)
		}
	}
	return names
}

// isTerminal reports whether stream is an interactive terminal.
func (a *app) isTerminal(stream any) bool {
	if g, ok := stream.(*guarded); ok {
		stream = g.w
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// size returns the width and height of the terminal w, 80 by 24 if unknown.
func (a *app) size(w io.Writer) (width, height int) {
	if g, ok := w.(*guarded); ok {
		w = g.w
	}
	if f, ok := w.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width, height
		}
	}
	return 80, 24
}

// painter decides about colours on w: by the flag, then NO_COLOR, then FORCE_COLOR,
// then by whether w is a terminal.
func (a *app) painter(w io.Writer) report.Painter {
	switch {
	case a.color.value == "always":
		return true
	case a.color.value == "never", a.getenv("NO_COLOR") != "":
		return false
	case a.getenv("FORCE_COLOR") != "":
		return true
	}
	return report.Painter(a.isTerminal(w) && a.getenv("TERM") != "dumb")
}

// live reports whether progress is drawn: only on a terminal, and not with -q.
func (a *app) live() bool {
	return !a.quiet && a.isTerminal(a.stderr) && a.getenv("TERM") != "dumb"
}

// beside returns the stream for text beside the outputs at paths: standard output, unless
// one of them goes there.
func (a *app) beside(paths ...string) *guarded {
	if slices.Contains(paths, "-") {
		return a.stderr
	}
	return a.stdout
}

// note prints progress to standard error, unless -q.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintln(a.stderr, report.Line(fmt.Sprintf(format, args...)))
	}
}

// debug prints a detail to standard error with -v.
func (a *app) debug(format string, args ...any) {
	if a.verbose {
		fmt.Fprintln(a.stderr, report.Line(fmt.Sprintf(format, args...)))
	}
}

// warn prints warnings to standard error, also with -q.
func (a *app) warn(warnings ...string) {
	for _, w := range warnings {
		fmt.Fprintln(a.stderr, a.painter(a.stderr).Paint(report.Caution, "warning:"), report.Line(w))
	}
}
