package launch

import (
	"fmt"
	"path/filepath"
	"strings"
)

// isBatch reports whether a file is a batch file of Windows, such as npx.cmd.
func isBatch(path string) bool {
	ending := strings.ToLower(filepath.Ext(path))
	return ending == ".cmd" || ending == ".bat"
}

// batchLine returns the command line with which interpreter, a cmd.exe, runs a batch file. Windows starts
// batch files by itself, but then a path and an argument that both have a space are cut apart, ./ is not
// understood, and characters such as & and % in an argument act.
func batchLine(interpreter, file string, args []string) (string, error) {
	var line strings.Builder
	// The outer quotes are removed by cmd.exe. /d: no commands of the registry; /v:off: ! does not act.
	fmt.Fprintf(&line, `"%s" /e:on /v:off /d /c ""%s"`, interpreter, filepath.FromSlash(file))
	for _, arg := range args {
		if strings.ContainsAny(arg, "\x00\r\n") {
			return "", fmt.Errorf("an argument has a line break, which batch files such as %s cannot take", filepath.Base(file))
		}
		line.WriteByte(' ')
		line.WriteString(batchArg(arg))
	}
	return line.String() + `"`, nil
}

// batchArg quotes an argument for cmd.exe and for the program to which a batch file passes it on.
func batchArg(arg string) string {
	quoted := arg == "" || strings.HasSuffix(arg, `\`) || strings.ContainsFunc(arg, func(r rune) bool {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r >= 0xA0 || strings.ContainsRune(`#$*+-./:?@\_`, r)
		return !plain
	})
	if !quoted {
		return arg
	}
	var b strings.Builder
	b.WriteByte('"')
	backslashes := 0 // before the current byte: they are doubled before a quote
	for _, c := range []byte(arg) {
		switch c {
		case '"':
			b.WriteString(strings.Repeat(`\`, backslashes) + `"`)
		case '%':
			b.WriteString("%%cd:~,") // with the % an empty part of a variable, which keeps %NAME% from being replaced
		}
		b.WriteByte(c)
		if backslashes++; c != '\\' {
			backslashes = 0
		}
	}
	b.WriteString(strings.Repeat(`\`, backslashes) + `"`)
	return b.String()
}
