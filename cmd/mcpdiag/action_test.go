package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// action is the part of action.yml that a runner executes.
type action struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Steps []struct {
			ID, Name, If, Uses, Run, Shell string
			Env, With                      map[string]string
		}
	}
}

// readAction reads action.yml. It skips the test where its steps cannot run.
func readAction(t *testing.T) *action {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("paths of Windows are no words of a command for bash; a runner there has Git's bash and its paths")
	}
	for _, program := range []string{"bash", "curl", "xargs"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is missing")
		}
	}
	var a action
	if err := yaml.Unmarshal([]byte(textOf(t, "../../action.yml")), &a); err != nil {
		t.Fatal(err)
	}
	return &a
}

// ran is the result of the steps of the action.
type ran struct {
	code                   int
	out, summary, uploaded string
}

var actionExpression = regexp.MustCompile(`\$\{\{ *([a-z]+)\.([a-z-]+)(?:\.outputs\.([a-z-]+))? *\}\}`)

// run runs the steps as a runner does: inputs and outputs in place of expressions, files
// for outputs and the summary, and the action's folder.
func (a *action) run(t *testing.T, inputs map[string]string) (r ran) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	outputs := map[string]string{}
	expand := func(text string) string {
		return actionExpression.ReplaceAllStringFunc(text, func(e string) string {
			m := actionExpression.FindStringSubmatch(e)
			if m[1] == "steps" {
				return outputs[m[2]+"."+m[3]]
			}
			if v, ok := inputs[m[2]]; ok {
				return v
			}
			return a.Inputs[m[2]].Default
		})
	}
	summary := filepath.Join(dir, "summary.md")
	for _, step := range a.Runs.Steps {
		if step.Uses != "" {
			if strings.HasPrefix(step.If, "always()") {
				r.uploaded = filepath.Join(dir, expand(step.With["path"]))
			}
			continue
		}
		if r.code != 0 {
			continue
		}
		output := filepath.Join(dir, step.ID+".txt")
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GITHUB_ACTION_PATH="+root, "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+summary, "NO_COLOR=1")
		for name, value := range step.Env {
			cmd.Env = append(cmd.Env, name+"="+expand(value))
		}
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		_ = cmd.Run() // the exit code says it
		r.code = cmd.ProcessState.ExitCode()
		r.out += said.String()
		written, _ := os.ReadFile(output)
		for line := range strings.Lines(string(written)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			outputs[step.ID+"."+name] = value
		}
	}
	text, _ := os.ReadFile(summary)
	r.summary = string(text)
	return r
}

// The steps of action.yml on a server that leaks, on the mended one, and on wrong inputs.
func TestAction(t *testing.T) {
	processtest.NeedsThorough(t)
	a := readAction(t)
	t.Parallel()
	program := mcpdiagBinary(t)
	serve := program + " demo --serve --listen 127.0.0.1:{port}"
	const short = "--delay 200ms --hold 400ms --factors everyday\n--users 4 --calls 5 --rounds 12"
	for name, test := range map[string]struct {
		inputs             map[string]string
		code               int
		said, sums, report string
	}{
		"leaktest, a leak": {map[string]string{"server": serve + " --leak-call 1MB", "args": short}, 3, "::error title=mcpdiag leaktest::", "### mcpdiag leaktest: leak", "report.html"},
		"leaktest, mended": {map[string]string{"server": serve, "args": short}, 0, "title=mcpdiag leaktest::", "### mcpdiag leaktest: ", "report.html"},
		"loadtest, errors": {map[string]string{"command": "loadtest", "server": serve, "args": "--tool flaky --users 2 --calls 6\n--fail 'errors<1%'"}, 3, "::error title=mcpdiag loadtest", "### mcpdiag loadtest", "calls.csv"},
		"loadtest":         {map[string]string{"command": "loadtest", "server": serve, "args": "--tool echo --users 2 --calls 5 --fail errors<1%"}, 0, "::notice title=mcpdiag loadtest", "### mcpdiag loadtest", "server.log"},
		"doctor, a fault":  {map[string]string{"command": "doctor", "server": serve, "url": "http://127.0.0.1:{port}/MCP"}, 3, "::error title=mcpdiag doctor", "### mcpdiag doctor: sick", "facts.json"},
		"doctor":           {map[string]string{"command": "doctor", "server": serve}, 0, "title=mcpdiag doctor::", "### mcpdiag doctor", "facts.json"},
		"no server":        {map[string]string{}, 2, "::error title=mcpdiag action::leaktest starts the server", "", ""},
		"unknown command":  {map[string]string{"command": "rm", "server": "true"}, 2, `not "rm"`, "", ""},
		"ends at once":     {map[string]string{"command": "doctor", "server": "echo out of luck; exit 1"}, 2, "out of luck", "", "server.log"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.inputs["binary"] = program
			r := a.run(t, test.inputs)
			if r.code != test.code || !strings.Contains(r.out, test.said) || !strings.Contains(r.summary, test.sums) {
				t.Errorf("exit code %d, want %d; %q is wanted in\n%s\nand %q in the summary\n%s", r.code, test.code, test.said, r.out, test.sums, r.summary)
			}
			if _, err := os.Stat(filepath.Join(r.uploaded, test.report)); test.report != "" && err != nil {
				t.Error(err)
			}
		})
	}
}

// Each action of ours and of the workflows is pinned by a commit, with its version beside it.
func TestActionsArePinned(t *testing.T) {
	t.Parallel()
	uses := regexp.MustCompile(`(?m)uses: (.*)$`)
	pinned := regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+(\.\d+)*$`)
	n := 0
	for _, file := range append(glob(t, "../../.github/workflows/*.yml"), "../../action.yml") {
		for _, m := range uses.FindAllStringSubmatch(textOf(t, file), -1) {
			n++
			if !pinned.MatchString(m[1]) && !strings.HasPrefix(m[1], "./") {
				t.Errorf("%s: %s is not pinned", file, m[1])
			}
		}
	}
	if n < 8 {
		t.Errorf("%d uses of actions were seen", n)
	}
}
