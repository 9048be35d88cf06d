//go:build unix

package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// output is a flag that names a file to write.
type output struct {
	args    func(out string) []string
	appends bool // to the file that is there
	child   bool // the command after -- writes it, and meets the full disk itself
	invoke  func(t *testing.T, args ...string) ended
}

// outputs are the flags that name a file, by command and flag.
func outputs(t *testing.T, url string) map[string]output {
	t.Helper()
	dir := t.TempDir()
	trace, spare := filepath.Join(dir, "trace"), filepath.Join(dir, "spare.csv")
	write(t, trace, flameTrace("search", "c1", "s1"), 0o600)
	with := func(args ...string) func(string) []string {
		return func(out string) []string {
			all := append([]string{}, args...)
			for i, arg := range all {
				all[i] = strings.ReplaceAll(arg, "OUT", out)
			}
			return all
		}
	}
	pid := strconv.Itoa(os.Getpid())
	return map[string]output{
		"diff -o":          {args: with("diff", url, "--wait", "0", "--settle", "0", "--format", "junit", "-o", "OUT")},
		"loadtest -o":      {args: with("loadtest", url, "--users", "1", "--calls", "1", "-o", "OUT")},
		"poll -o":          {args: with("poll", url, "--count", "1", "-o", "OUT"), appends: true},
		"flame -o":         {args: with("flame", trace, "-o", "OUT")},
		"monitor -o":       {args: with("monitor", "--pid", pid, "--interval", "10ms", "--count", "2", "-o", "OUT")},
		"monitor --plot":   {args: with("monitor", "--pid", pid, "--interval", "10ms", "--count", "2", "-o", spare, "--plot", "OUT")},
		"monitor --log":    {args: with("monitor", "-o", spare, "--interval", "10ms", "--count", "3", "--log", "OUT", "--", "sh", "-c", "echo said; exec sleep 9"), child: true},
		"demo --announce":  {args: with("demo", "--serve", "--listen", "127.0.0.1:0", "--announce", "OUT"), invoke: whileServed},
		"proxy --announce": {args: with("proxy", "--to", url, "--listen", "127.0.0.1:0", "--announce", "OUT"), invoke: whileServed},
	}
}

// stopper ends a server when it answers at the address that it tells of.
type stopper struct {
	bytes.Buffer
	ctx  context.Context
	stop context.CancelFunc
	seen bool
}

var served = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

func (s *stopper) Write(p []byte) (int, error) {
	for _, url := range served.FindAllString(string(p), -1) {
		if !s.seen && !strings.Contains(string(p), "to "+url) {
			s.seen = true
			go func() {
				req, _ := http.NewRequestWithContext(s.ctx, http.MethodGet, url+"/debug/snapshot", nil)
				if resp, err := http.DefaultClient.Do(req); err == nil {
					_ = resp.Body.Close()
				}
				s.stop()
			}()
		}
	}
	return s.Buffer.Write(p)
}

// whileServed runs a server until it answers: by then it has announced itself.
func whileServed(t *testing.T, args ...string) ended {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	errs := &stopper{ctx: ctx, stop: cancel}
	code := run(ctx, args, strings.NewReader(""), &out, errs)
	return ended{code, out.String(), errs.String()}
}

// Commands that write into a folder refuse what is none: they follow no dangling
// link in its place, and wait for no pipe.
func TestOutputFolders(t *testing.T) {
	t.Parallel()
	for command, args := range map[string][]string{
		"leaktest": {"leaktest", "--pid", strconv.Itoa(os.Getpid()), "--url", "http://127.0.0.1:1", "-o"},
		"demo":     {"demo", "-o"},
	} {
		for title, put := range map[string]func(path string) error{
			"a dangling link": func(path string) error { return os.Symlink(path+"-nowhere", path) },
			"a pipe":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"a file":          func(path string) error { return os.WriteFile(path, []byte("untouched"), 0o600) },
			"a full disk":     func(path string) error { return os.Symlink("/dev/full", path) },
		} {
			t.Run(command+", "+title, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out")
				if err := put(out); err != nil {
					t.Fatal(err)
				}
				invoke(t, append(slices.Clip(args), out)...).wants(t, exitFailure, "not a directory|file exists")
				if _, err := os.Lstat(out + "-nowhere"); err == nil {
					t.Error("the link was followed")
				}
			})
		}
	}
	verdict := filepath.Join(t.TempDir(), "verdict.json")
	invoke(t, "report", verdict).wants(t, exitFailure, "verdict.json")
}
