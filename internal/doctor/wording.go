package doctor

import (
	"regexp"
	"strings"
)

// Words of the checks about flags and commands, and what a reader who calls tools can
// do instead.
var (
	flagInBrackets = regexp.MustCompile(` \(--[^)]*\)`)
	toolWords      = strings.NewReplacer(
		"not asked with --quick", "not asked with quick",
		"; --token-file gives one", "",
		"send it in a header: --token-file", "send it in a header; the user gives mcpdiag mcp the token when it is started",
		"no tool is called; --call NAME or --call-read-only calls one", "no tool is called",
		"; --refresh-token-file gives one, and spends it", "",
		"must be named with --client-id", "must be named",
		", or give --args", "",
		"trust it with --cacert FILE; for", "the user can let mcpdiag mcp trust it when it is started; for",
		"needs --deep", "needs more time",
		"needs --burst", "needs many requests at once",
		"mcpdiag loadtest --find-knee", "loadtest",
		"mcpdiag logs", "logs",
		"mcpdiag metrics", "metrics",
		"mcpdiag deps", "deps",
		"mcpdiag leaktest", "leaktest",
		"mcpdiag poll", "snapshot",
		"mcpdiag proxy --to URL", "the user can put mcpdiag proxy before the server, which has a snapshot",
		"mcpdiag token FILE", "the user can look at the token with mcpdiag token",
	)
)

// forTool words the result for a reader who calls tools.
func (r *Result) forTool() {
	words := func(text string) string { return toolWords.Replace(flagInBrackets.ReplaceAllString(text, "")) }
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Summary, c.Hint, c.Next = words(c.Summary), words(c.Hint), words(c.Next)
	}
	for i := range r.notLooked {
		r.notLooked[i].reason = words(r.notLooked[i].reason)
	}
	r.Headline = words(r.Headline)
}
