package logs

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// Filter is a condition on entries, such as
//
//	level >= warn and tool == "search" and duration > 1s and message =~ "timeout"
type Filter struct {
	program *vm.Program
	machine vm.VM
}

// fields are the names that a condition may use.
type fields struct {
	Level      int           `expr:"level"`
	Time       time.Time     `expr:"time"`
	Message    string        `expr:"message"`
	Event      string        `expr:"event"`
	Logger     string        `expr:"logger"`
	Stream     string        `expr:"stream"`
	Request    string        `expr:"request"`
	Session    string        `expr:"session"`
	User       string        `expr:"user"`
	Tool       string        `expr:"tool"`
	Method     string        `expr:"method"`
	Endpoint   string        `expr:"endpoint"`
	Status     int           `expr:"status"`
	Error      string        `expr:"error"`
	ErrorType  string        `expr:"error_type"`
	Reason     string        `expr:"reason"`
	Duration   time.Duration `expr:"duration"`
	Source     string        `expr:"source"`
	TraceLevel int           `expr:"trace"`
	Debug      int           `expr:"debug"`
	Info       int           `expr:"info"`
	Notice     int           `expr:"notice"`
	Warn       int           `expr:"warn"`
	Warning    int           `expr:"warning"`
	ErrorLevel int           `expr:"err"`
	Fatal      int           `expr:"fatal"`
}

// durationLiteral is a duration as people write it: 1s, 500ms, 1.5m.
var durationLiteral = regexp.MustCompile(`(^|[^\w."'])(\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))\b`)

// levelWord is a level as a bare word behind a comparison; "error" would be the text of an error.
var levelWord = regexp.MustCompile(`\blevel\s*(==|!=|>=|<=|>|<)\s*error\b`)

// ParseFilter compiles a condition. The language is that of github.com/expr-lang/expr,
// with durations as 1s, levels as bare words, and =~ for regular expressions.
func ParseFilter(condition string) (*Filter, error) {
	text := outsideQuotes(bracketLists(condition), func(part string) string {
		part = levelWord.ReplaceAllString(part, "level $1 err")
		part = strings.ReplaceAll(part, "=~", " matches ")
		return durationLiteral.ReplaceAllString(part, `${1}span("${2}")`)
	})
	program, err := expr.Compile(text, expr.Env(fields{}), expr.AsBool(), expr.Function("span", func(params ...any) (any, error) {
		s, _ := params[0].(string)
		return time.ParseDuration(s)
	}, new(func(string) time.Duration)), expr.Function("exists", func(params ...any) (any, error) {
		return !reflect.ValueOf(params[0]).IsZero(), nil
	}, new(func(any) bool)))
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, fmt.Errorf("condition %q: %s; %s", condition, first, filterHelp(condition))
	}
	return &Filter{program: program}, nil
}

// listStart is the start of a list in round brackets, as SQL writes it.
var listStart = regexp.MustCompile(`\bin\s*\($`)

// bracketLists writes the lists behind "in" with the square brackets of expr.
func bracketLists(condition string) string {
	text := []byte(condition)
	var open []int // indices of brackets that are open
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			open = append(open, i)
		case c == ')' && len(open) > 0:
			start := open[len(open)-1]
			if open = open[:len(open)-1]; listStart.Match(text[:start+1]) {
				text[start], text[i] = '[', ']'
			}
		}
	}
	return string(text)
}

// singleEquals matches an assignment where a comparison is meant.
var singleEquals = regexp.MustCompile(`[^=!<>]=[^=~]`)

// filterHelp names the way out of a condition that cannot be compiled.
func filterHelp(condition string) string {
	help := "fields are level, time, message, event, logger, stream, request, session, user, tool, method, endpoint, status, error, error_type, reason, duration, source; " +
		"levels are trace, debug, info, notice, warn, error, fatal; durations are written 500ms, 1s, 2m and times date(\"2026-11-25T09:00:00Z\"); exists(tool) is true where there is one"
	if singleEquals.MatchString(condition) {
		return "compare with ==; " + help
	}
	return help
}

// outsideQuotes applies replace to the parts of s that are not quoted.
func outsideQuotes(s string, replace func(string) string) string {
	var b strings.Builder
	for s != "" {
		open := strings.IndexAny(s, `"'`)
		if open < 0 {
			b.WriteString(replace(s))
			break
		}
		b.WriteString(replace(s[:open]))
		end := open + 1
		for end < len(s) && s[end] != s[open] {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(s))
		b.WriteString(s[open:end])
		s = s[end:]
	}
	return b.String()
}

// Match reports whether e fulfils the condition. A condition that cannot be evaluated is not fulfilled.
func (f *Filter) Match(e *input.Entry) bool {
	result, err := f.machine.Run(f.program, fieldsOf(e))
	matched, ok := result.(bool)
	return err == nil && ok && matched
}

func fieldsOf(e *input.Entry) fields {
	f := fields{
		Level: int(e.Level), Message: string(e.Message), Event: string(e.Event), Logger: string(e.Logger), Stream: string(e.Stream),
		Request: string(e.Request), Session: string(e.Session), User: string(e.User), Tool: string(e.Tool), Method: string(e.Method),
		Endpoint: string(e.Endpoint), Status: e.Status, Error: string(e.ErrorText), ErrorType: string(e.ErrorType), Reason: string(e.Reason),
		Duration: e.Duration, Source: e.Source.Name,
		TraceLevel: int(logline.Trace), Debug: int(logline.Debug), Info: int(logline.Info), Notice: int(logline.Notice),
		Warn: int(logline.Warn), Warning: int(logline.Warn), ErrorLevel: int(logline.Error), Fatal: int(logline.Fatal),
	}
	if e.Known {
		f.Time = time.Unix(0, e.Nanos).UTC()
	}
	return f
}
