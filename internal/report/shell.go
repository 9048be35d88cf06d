package report

import (
	"os"
	"strings"
	"unicode"
)

// ShellLine returns arguments as a line for a shell.
func ShellLine(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = ShellWord(arg)
	}
	return strings.Join(words, " ")
}

// ShellWord returns s as one word for a shell, in quotes if it needs them.
func ShellWord(s string) string {
	special := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != os.PathSeparator && !strings.ContainsRune("-_./:=,@%+", r)
	}
	if s != "" && strings.IndexFunc(s, special) < 0 {
		return s
	}
	return ShellQuote(s)
}

// ShellQuote returns s in quotes, as one word for a shell.
func ShellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
