package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

func stdioRules() []Rule {
	return []Rule{
		{ID: "stdio.start", Title: "the command starts and stays", shows: true, Fails: true, judge: judgeStart, Reference: "MCP transports: stdio"},
		{ID: "stdio.stdout", Title: "standard output has messages only", shows: true, Needs: []string{"stdio.start"}, Fails: true, judge: judgeStdout, Reference: "MCP transports: stdio"},
		{ID: "stdio.silent", Title: "the server answers initialize", Needs: []string{"stdio.start", "stdio.stdout"}, Fails: true, judge: judgeSilent, Reference: "MCP lifecycle"},
		{ID: "stdio.big", Title: "long messages are read", Needs: []string{"stdio.start", "stdio.stdout", "stdio.silent"}, Fails: true, judge: judgeBig, Reference: "MCP transports: stdio"},
		{ID: "stdio.env", Title: "the server starts with a short environment, too", Needs: []string{"stdio.start", "stdio.stdout", "stdio.silent"}, judge: judgeEnvironment},
		{ID: "stdio.exit", Title: "the server ends with its input", shows: true, Needs: []string{"stdio.start", "stdio.stdout", "stdio.silent"}, judge: judgeExit, Reference: "MCP lifecycle: shutdown"},
	}
}

// downloads matches commands that may fetch the server before they start it.
var downloads = regexp.MustCompile(`(^|[/ ])(npx|uvx|bunx|pipx|docker|podman|uv (tool )?run|(pnpm|yarn) dlx|npm exec)( |$)`)

// slowStart is the time in milliseconds after which some hosts give up.
const slowStart = 10_000

func judgeStart(f *facts.Facts) opinion {
	s := f.Stdio
	switch {
	case s == nil:
		return skip("the server is no command")
	case s.NoStart != "":
		return fail("the command cannot be started").fix(startAdvice(s.NoStart)).noted(s.NoStart)
	case s.HTTP != "":
		return fail("the command speaks MCP over HTTP at %s, and does not answer on its standard streams", s.HTTP).
			fix("start it yourself, and examine it at its address").leads(toDoctor(s.HTTP))
	case s.Ended != "" && !s.Answered:
		o := fail("the command ends before it answers (%s)%s", s.Ended, said(s)).noted(lastWords(s)...)
		if s.Said == "" {
			return o.fix("run it by hand, with the variables that its host gives it")
		}
		return o.fix("correct what it said, or its last lines on standard error; a missing variable goes into env in the settings of the host")
	case endedAt(f) != "":
		o := fail("the server %s at %s%s", ending(s), endedAt(f), said(s)).noted(lastWords(s)...)
		if s.Stderr == "" {
			return o.fix("run it by hand, with the variables that its host gives it: it wrote nothing on standard error")
		}
		return o.fix("correct what its last lines on standard error say; a missing variable goes into env in the settings of the host")
	case s.Answered && s.StartMs > slowStart:
		o := warn("the server takes %.0f s to start: some hosts give up after 10 s", s.StartMs/1000)
		if downloads.MatchString(s.Command) {
			return o.fix("install it before, instead of letting npx or uvx download it at each start")
		}
		return o.fix("answer initialize first, and load what takes long afterwards; some hosts have a setting for a longer start")
	}
	return pass("started in %.1f s", s.StartMs/1000)
}

// startAdvice returns what to do where a command cannot be started, by its error.
func startAdvice(problem string) string {
	program, reason, _ := strings.Cut(strings.TrimPrefix(problem, `starting "`), `": `)
	switch {
	case strings.HasPrefix(reason, "its folder"):
		return "correct cwd in the settings of the host"
	case strings.HasPrefix(reason, "permission denied"):
		return "make it executable (chmod +x), or start it with its interpreter"
	case strings.HasPrefix(reason, "the interpreter"):
		return "correct the first line of the file, or start it with its interpreter"
	case strings.ContainsAny(program, " \t") && !strings.Contains(program, `\`):
		return "the command is the program alone: give its arguments apart, in args"
	}
	return "give its full path: hosts with a window often have a shorter PATH than a terminal"
}

// endedAt returns the request at which the server ended by itself, "" if it did not. Other
// checks judge its end at a call of a tool, or at a long message.
func endedAt(f *facts.Facts) string {
	x := f.Silent()
	if x == nil || x.Lacks() != facts.LackClosed || x.Probe == facts.CallProbe || x.Probe == bigProbe {
		return ""
	}
	name := map[string]string{"tools/list": "tools/list, the first request after the handshake", "string id": "ping", "zero id": "ping", "unknown method": "an unknown method", "discover": "server/discover"}[x.Probe]
	return cmp.Or(name, x.Probe)
}

// ending returns how the server ended.
func ending(s *facts.Stdio) string {
	if s.Ended == "" {
		return "closed its standard output"
	}
	return "ended (" + s.Ended + ")"
}

// said returns the last error of the server behind words that introduce it.
func said(s *facts.Stdio) string {
	if s.Said == "" {
		return ""
	}
	return "; it said: " + s.Said
}

// bigProbe is the probe of a long message.
const bigProbe = "big line"

// lastWords returns the lines that the command wrote, other than messages.
func lastWords(s *facts.Stdio) []string {
	var lines []string
	for _, line := range s.Printed {
		lines = append(lines, "standard output: "+line)
	}
	for line := range strings.SplitSeq(s.Stderr, "\n") {
		if line != "" {
			lines = append(lines, "standard error: "+line)
		}
	}
	if len(lines) == 0 {
		return []string{"it wrote nothing"}
	}
	return lines
}

func judgeStdout(f *facts.Facts) opinion {
	s := f.Stdio
	switch {
	case s == nil:
		return skip("the server is no command")
	case s.LineNo > 0:
		return fail("standard output has text that is no MCP message (line %d)", s.LineNo).fix("write logs and banners to standard error: hosts close the connection at such a line").noted(s.Foreign)
	case s.Blank > 0:
		return warn("standard output has blank lines (%d)", s.Blank).fix("write one message a line, and nothing else")
	}
	return pass("messages only")
}

func judgeSilent(f *facts.Facts) opinion {
	s := f.Stdio
	if s == nil {
		return skip("the server is no command")
	}
	if !s.Answered {
		o := fail("the command runs, but does not answer initialize within %.0f s", s.StartMs/1000)
		if len(s.Ports) > 0 {
			return o.fix(fmt.Sprintf("it listens on TCP port %d: if it speaks HTTP there, start it yourself, and examine it at its address", s.Ports[0])).
				leads(toDoctor(fmt.Sprintf("http://localhost:%d/mcp", s.Ports[0]))).noted(lastWords(s)...)
		}
		return o.fix("it may wait for something, such as a download, a login or a database; standard error may say so").noted(lastWords(s)...)
	}
	return pass("it does")
}

func judgeBig(f *facts.Facts) opinion {
	x := f.First(bigProbe)
	switch {
	case f.Stdio == nil:
		return skip("the server is no command")
	case !x.WasSent():
		return notAsked(f)
	case x.Status == 0:
		return fail("the server stops at a message of 128 KiB (%s)", cmp.Or(x.Failed, "no answer")).
			fix("read lines without a limit of 64 KiB: clients send documents in arguments; in Go, give bufio.Scanner a larger Buffer").noted(lastWords(f.Stdio)...)
	}
	return pass("128 KiB")
}

func judgeEnvironment(f *facts.Facts) opinion {
	switch {
	case f.Stdio == nil:
		return skip("the server is no command")
	case f.Stdio.Minimal == nil:
		return skip("not started again with the short environment of desktop clients").flag("--minimal-env")
	case f.Stdio.Minimal.Answered:
		return pass("it does")
	}
	m := *f.Stdio.Minimal
	given := "with PATH=" + m.Path
	if m.Path == "" {
		given = "on Windows with PATH and the folders of the user, and no other variables"
	}
	return warn("the server works only with the environment of your shell: hosts with a window start it %s", given).
		fix("give the full path of the command, and its variables in env, in the settings of the host").noted(m.Failed).noted(lastWords(&facts.Stdio{Stderr: m.Stderr})...)
}

func judgeExit(f *facts.Facts) opinion {
	s := f.Stdio
	switch {
	case s == nil:
		return skip("the server is no command")
	case s.Ended != "":
		return skip("it had ended before")
	case s.Stuck && f.Silent() != nil:
		return skip("not known: the server still works on %s", f.Silent().Probe).missed()
	case s.Stuck:
		return warn("the server goes on after its input ended, until it is killed").fix("end when standard input ends: hosts leave such processes behind")
	}
	return pass("ends %.1f s after its input", s.ExitMs/1000)
}
