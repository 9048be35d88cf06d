package main

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

var (
	shownBlock = regexp.MustCompile("(?s)```(?:sh|console|yaml)\n(.*?)```")
	shownSpan  = regexp.MustCompile("`(mcpdiag [^`\n]+)`")
	shownLine  = regexp.MustCompile(`(?m)(?:^|[$|] |&& |npx |run: )(mcpdiag [a-z][^|\n]*)`)
)

// shownCommands returns the command lines of mcpdiag in a document.
func shownCommands(text string) (all []string) {
	for _, block := range shownBlock.FindAllStringSubmatch(text, -1) {
		for _, m := range shownLine.FindAllStringSubmatch(block[1], -1) {
			all = append(all, m[1])
		}
	}
	for _, m := range shownSpan.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// Each command that a document shows exists, with its flags.
func TestShownCommands(t *testing.T) {
	t.Parallel()
	n := 0
	for _, file := range documents(t) {
		for _, line := range shownCommands(textOf(t, file)) {
			line, _, _ = strings.Cut(line, "#")
			line, _, _ = strings.Cut(line, " > ")
			line, _, _ = strings.Cut(line, " && ")
			args := strings.Fields(strings.NewReplacer("'", "", `"`, "", "…", "x", " &", "", "|", " ").Replace(line))[1:]
			root := newRootCmd(sealedApp())
			cmd, rest, err := root.Find(args)
			if args[0] == "help" { // cobra adds it when it runs
				continue
			}
			if err != nil || cmd == root {
				t.Errorf("%s: %q: there is no such command (%v)", file, line, err)
				continue
			}
			n++
			for _, arg := range rest {
				name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
				if arg == "--" {
					break
				}
				if strings.HasPrefix(arg, "--") && cmd.Flags().Lookup(name) == nil && root.PersistentFlags().Lookup(name) == nil && name != "help" {
					t.Errorf("%s: %q: there is no flag %s", file, line, arg)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("%d command lines were seen", n)
	}
}

// recipeFaults complete the inputs of a recipe: a tool that works or fails, a
// server with a fault, or a leak test as short as it can be decided.
var recipeFaults = map[string]map[string]string{
	"":              {"args": shortLeakTest},
	"fault":         {"args": shortLeakTest, "server": " --leak-call 1MB"},
	"loadtest":      {"args": " --tool echo"},
	"loadtestfault": {"args": " --tool flaky"},
	"doctorfault":   {"server": " --fault session-lost"},
}

const shortLeakTest = " --delay 200ms --hold 400ms --factors everyday --users 4 --calls 5 --rounds 12"

// The recipes of the README for GitHub Actions, with a demo server in place of the
// user's: a healthy one passes, and one with a fault does not.
func TestRecipes(t *testing.T) {
	processtest.NeedsThorough(t)
	a := readAction(t)
	t.Parallel()
	seen := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(- uses: mcpdiag/mcpdiag@v1\n.*?)```").FindAllStringSubmatch(textOf(t, "../../README.md"), -1) {
		var steps []struct{ With map[string]string }
		if err := yaml.Unmarshal([]byte(block[1]), &steps); err != nil || len(steps) != 1 {
			t.Fatalf("%v\n%s", err, block[1])
		}
		for input := range steps[0].With {
			if _, ok := a.Inputs[input]; !ok {
				t.Errorf("the action has no input %s", input)
			}
		}
		command := steps[0].With["command"]
		seen++
		for fault, code := range map[string]int{"": exitOK, "fault": exitFinding} {
			inputs := maps.Clone(steps[0].With)
			inputs["binary"] = mcpdiagBinary(t)
			inputs["server"] = mcpdiagBinary(t) + " demo --serve --listen 127.0.0.1:{port}"
			for input, more := range recipeFaults[command+fault] {
				inputs[input] += more
			}
			t.Run(command+fault, func(t *testing.T) {
				t.Parallel()
				if r := a.run(t, inputs); r.code != code || !strings.Contains(r.out, "title=mcpdiag") {
					t.Errorf("exit code %d, want %d\n%s", r.code, code, r.out)
				}
			})
		}
	}
	if seen != 3 {
		t.Errorf("%d recipes, want leaktest, loadtest and doctor", seen)
	}
}
