package main

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// updateScripts makes TestScripts rewrite texts that have changed:
//
//	go test ./cmd/mcpdiag -run TestScripts -update
//
// Files compared by cmp are replaced. A stdout or stderr pattern that no longer
// matches becomes the output line that shares most words with it; read the diff.
var updateScripts = flag.Bool("update", false, "rewrite the texts in testdata/script that have changed")

var (
	expectation = regexp.MustCompile(`(?m)^(stdout|stderr) '`)
	marked      = regexp.MustCompile(`(?m)^expect (stdout|stderr) ('.*')$`)
	wordPattern = regexp.MustCompile(`[\pL-]+`)
	digits      = regexp.MustCompile(`[0-9]+`)
)

// scriptUpdater collects new patterns while copies of the scripts run.
type scriptUpdater struct {
	mu      sync.Mutex
	changed map[string]map[string]string // script, old quoted pattern, new one
}

// newScriptUpdater copies the scripts to a folder, in which each expectation is
// a command of the updater, and writes them back when the test ends.
func newScriptUpdater(t *testing.T, params *testscript.Params) {
	t.Helper()
	u := &scriptUpdater{changed: map[string]map[string]string{}}
	from, to := params.Dir, t.TempDir()
	scripts, err := filepath.Glob(filepath.Join(from, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		rewrite(t, script, filepath.Join(to, filepath.Base(script)), func(text string) string {
			return expectation.ReplaceAllString(text, "expect $1 '")
		})
	}
	t.Cleanup(func() {
		for _, script := range scripts {
			rewrite(t, filepath.Join(to, filepath.Base(script)), script, func(text string) string {
				return u.restore(strings.TrimSuffix(filepath.Base(script), ".txtar"), text)
			})
		}
	})
	params.Dir, params.UpdateScripts, params.ContinueOnError = to, true, true
	params.Cmds = maps.Clone(params.Cmds)
	params.Cmds["expect"] = u.expect
}

func rewrite(t *testing.T, from, to string, change func(string) string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	text := change(string(data))
	if old, err := os.ReadFile(to); err == nil && string(old) == text {
		return
	}
	if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// expect is stdout and stderr in a script that is being updated.
func (u *scriptUpdater) expect(ts *testscript.TestScript, _ bool, args []string) {
	output := ts.ReadFile(args[0])
	pattern, err := regexp.Compile("(?m)" + args[len(args)-1])
	ts.Check(err)
	if len(args) != 2 || pattern.MatchString(output) {
		return
	}
	line := closest(output, args[1])
	if line == "" {
		ts.Fatalf("%s has nothing like %q", args[0], args[1])
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.changed[ts.Name()] == nil {
		u.changed[ts.Name()] = map[string]string{}
	}
	u.changed[ts.Name()][quotedPattern(args[1])] = quotedPattern(patternOf(line, args[1]))
}

// restore undoes the marking of the expectations in a script, with their new patterns.
func (u *scriptUpdater) restore(name, text string) string {
	return marked.ReplaceAllStringFunc(text, func(line string) string {
		parts := marked.FindStringSubmatch(line)
		if changed, ok := u.changed[name][parts[2]]; ok {
			parts[2] = changed
		}
		return parts[1] + " " + parts[2]
	})
}

func quotedPattern(pattern string) string {
	return "'" + strings.ReplaceAll(pattern, "'", "''") + "'"
}

// closest returns the line of output that shares most words with a pattern.
func closest(output, pattern string) string {
	best, most := "", 0
	for line := range strings.Lines(output) {
		shared := 0
		for _, word := range wordPattern.FindAllString(pattern, -1) {
			if strings.Contains(line, word) {
				shared += len(word)
			}
		}
		if shared > most {
			best, most = strings.TrimSpace(line), shared
		}
	}
	return best
}

// patternOf matches line with any digits in place of those that the old pattern did not name.
func patternOf(line, old string) string {
	return digits.ReplaceAllStringFunc(regexp.QuoteMeta(line), func(number string) string {
		if strings.Contains(old, number) {
			return number
		}
		return "[0-9]+"
	})
}
