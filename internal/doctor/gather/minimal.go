package gather

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// minimalTime is how long the second start may take.
const minimalTime = 20 * time.Second

// windowsVariables are those that hosts on Windows pass on to a server, as the MCP SDKs list them.
var windowsVariables = []string{"APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PROCESSOR_ARCHITECTURE", "SYSTEMDRIVE",
	"SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE"}

// minimalEnvironment returns the environment that hosts with a window give to a server, and its
// PATH, which is "" on Windows: there it is that of a terminal.
func minimalEnvironment(goos string, lookup func(string) (string, bool)) (path string, env []string) {
	path, names := "/usr/bin:/bin", []string{"HOME"}
	if goos == "windows" {
		path, names = "", windowsVariables
	}
	for _, name := range names {
		if value, set := lookup(name); set {
			env = append(env, name+"="+value)
		}
	}
	if path != "" {
		env = append(env, "PATH="+path)
	}
	return path, env
}

// startMinimal starts a command again and sends initialize.
func startMinimal(ctx context.Context, args []string) *facts.Minimal {
	path, env := minimalEnvironment(runtime.GOOS, os.LookupEnv)
	m := &facts.Minimal{Path: path}
	program := args[0]
	if path != "" {
		program = find(program, path)
	}
	if program == "" {
		m.Failed = fmt.Sprintf("there is no %s in %s", report.Cell(args[0], 80), path)
		return m
	}
	asking, cancel := context.WithTimeout(ctx, minimalTime)
	defer cancel()
	var tail launch.Tail
	conn, err := launch.Dial(launch.Command{Args: append([]string{program}, args[1:]...), Env: env, OnlyEnv: true, Stderr: &tail})
	if err != nil {
		m.Failed = report.Line(err.Error())
		return m
	}
	f := &facts.Facts{}
	g := newStdioGatherer(f, conn, &facts.Stdio{})
	x, _ := g.roundTrip(asking, "initialize", fmt.Sprintf(initializeAs, facts.Legacy))
	m.Answered = x.Status != 0
	if !m.Answered {
		g.early()
		m.Failed = strings.Trim(x.Failed+"; "+g.s.Ended, "; ")
	}
	g.end(ctx)
	m.Stderr = lastLines(tail.Bytes(), stderrLines)
	return m
}

// programOf returns the program that a host starts for a name: it looks in the PATH that the
// variables of the command set, if they set one.
func programOf(name string, env []string) (string, error) {
	for _, pair := range env {
		path, set := strings.CutPrefix(pair, "PATH=")
		if !set || runtime.GOOS == "windows" {
			continue
		}
		if full := find(name, path); full != "" {
			return full, nil
		}
		return "", fmt.Errorf("there is no %s in the PATH that its env sets", report.Cell(name, 80))
	}
	return name, nil
}

// find returns the path of a program in the folders of path, "" if there is none.
func find(program, path string) string {
	if strings.Contains(program, "/") {
		return program
	}
	for _, folder := range filepath.SplitList(path) {
		full := filepath.Join(folder, program)
		if info, err := os.Stat(full); err == nil && !info.IsDir() {
			return full
		}
	}
	return ""
}
