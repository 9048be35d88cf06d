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
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// minimalTime is how long the second start may take.
const minimalTime = 20 * time.Second

// MinimalEnvironment returns PATH and the environment that contains it.
func MinimalEnvironment() (path string, env []string) {
	path = "/usr/bin:/bin"
	if runtime.GOOS == "windows" {
		root := os.Getenv("SystemRoot")
		path = filepath.Join(root, "System32") + ";" + root
		env = []string{"SystemRoot=" + root, "USERPROFILE=" + os.Getenv("USERPROFILE")}
	}
	return path, append(env, "HOME="+os.Getenv("HOME"), "PATH="+path)
}

// startMinimal starts a command again and sends initialize.
func startMinimal(ctx context.Context, args []string) *facts.Minimal {
	path, env := MinimalEnvironment()
	m := &facts.Minimal{Path: path}
	program := find(args[0], path)
	if program == "" {
		m.Failed = fmt.Sprintf("there is no %s in %s", report.Cell(args[0], 80), path)
		return m
	}
	ctx, cancel := context.WithTimeout(ctx, minimalTime)
	defer cancel()
	var tail process.Tail
	conn, err := process.Dial(process.Command{Args: append([]string{program}, args[1:]...), Env: env, OnlyEnv: true, Stderr: &tail})
	if err != nil {
		m.Failed = report.Line(err.Error())
		return m
	}
	f := &facts.Facts{}
	g := newStdioGatherer(f, conn, &facts.Stdio{})
	x := g.ask(ctx, "initialize", fmt.Sprintf(initializeAs, facts.Legacy))
	m.Answered = x.Status != 0
	if !m.Answered {
		g.early()
		m.Failed = strings.Trim(x.Failed+"; "+g.s.Ended, "; ")
	}
	g.end()
	m.Stderr = lastLines(tail.Bytes(), stderrLines)
	return m
}

// find returns the path of a program in the folders of path, "" if there is none.
func find(program, path string) string {
	if strings.ContainsAny(program, `/\\`) {
		return program
	}
	for _, folder := range filepath.SplitList(path) {
		for _, ending := range []string{"", ".exe", ".cmd"} {
			full := filepath.Join(folder, program+ending)
			if info, err := os.Stat(full); err == nil && !info.IsDir() {
				return full
			}
		}
	}
	return ""
}
