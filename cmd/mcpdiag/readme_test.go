package main

import (
	"bytes"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/demo"
)

// transcript is one command of the README with what it prints.
type transcript struct {
	command string
	output  []string
}

var consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

func transcripts(t *testing.T) []transcript {
	t.Helper()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []transcript
	for _, block := range consoleBlock.FindAllStringSubmatch(string(data), -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimRight(line, "\n")
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, transcript{command: command})
			} else {
				last := &all[len(all)-1]
				last.output = append(last.output, line)
			}
		}
	}
	return all
}

// TestREADME runs the transcripts of the README, in their order, against the
// demo server, and compares what they print, figures aside.
func TestREADME(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	url := serveFor(t, demo.Config{LeakSession: 16 << 20})
	all := transcripts(t)
	example, err := os.ReadFile("../../examples/mcp-server-demo.log")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("mcp-server-demo.log", example, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MCPDIAG_URL", url)
	t.Setenv("NO_COLOR", "1")
	replace := strings.NewReplacer("http://localhost:3100", url, "http://localhost:3200", serveFor(t, demo.Config{Faults: []string{"session-lost"}}), "$PID", strconv.Itoa(os.Getpid()), "'", "")
	var background sync.WaitGroup
	defer background.Wait()
	for _, tr := range all {
		command, inBackground := strings.CutSuffix(replace.Replace(tr.command), " &")
		args := strings.Fields(command)[1:]
		switch {
		case args[0] == "demo": // it runs
		case inBackground:
			background.Go(func() { runTranscript(t, tr, args) })
		default:
			compare(t, tr, runTranscript(t, tr, args))
		}
	}
}

// serveFor runs a demo server for a test and returns its address.
func serveFor(t *testing.T, cfg demo.Config) string {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go demo.New(cfg).Serve(t.Context(), l)
	return "http://" + l.Addr().String()
}

// runTranscript runs a command of the README and returns the lines that it prints.
func runTranscript(t *testing.T, tr transcript, args []string) []string {
	for i, arg := range args {
		if arg == "mcpdiag" { // a command that diff runs
			args[i] = mcpdiagBinary(t)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code == exitFailure || code == exitUsage {
		t.Errorf("$ %s: exit code %d\n%s", tr.command, code, stderr.String())
	}
	return strings.Split(strings.TrimRight(stdout.String(), "\n"), "\n")
}

// compare wants got to be the lines of tr; "…" stands for all that follow.
func compare(t *testing.T, tr transcript, got []string) {
	t.Helper()
	want := tr.output
	// On a busy machine a load test says that it was itself the limit.
	got = slices.DeleteFunc(got, func(line string) bool { return strings.HasPrefix(line, "No verdict") })
	for len(got) > 0 && got[len(got)-1] == "" {
		got = got[:len(got)-1]
	}
	if n := len(want); n > 0 && want[n-1] == "…" {
		want = want[:n-1]
		got = got[:min(len(got), n-1)]
	}
	if diff := cmp.Diff(normal(want), normal(got)); diff != "" {
		t.Errorf("$ %s\n%s\ngot:\n%s", tr.command, diff, strings.Join(got, "\n"))
	}
}

var (
	address = regexp.MustCompile(`http://[a-z0-9.]+:[0-9]+`)
	figure  = regexp.MustCompile(`[+-]?[0-9][0-9.,:]*( ?(KB|MB|GB|B|ms|µs|s)\b)?`)
	spaces  = regexp.MustCompile(` +`)
)

// normal takes out of lines what differs from run to run.
func normal(lines []string) []string {
	var out []string
	for _, line := range lines {
		line = address.ReplaceAllString(line, "URL")
		line = figure.ReplaceAllString(line, "N")
		line = regexp.MustCompile(`(× N|N %)`).ReplaceAllString(line, "")
		line = regexp.MustCompile(` \(max N\)`).ReplaceAllString(line, "")
		out = append(out, strings.TrimSpace(spaces.ReplaceAllString(line, " ")))
	}
	if len(out) == 1 && out[0] == "" {
		return nil
	}
	return out
}
