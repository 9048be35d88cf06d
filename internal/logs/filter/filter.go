package filter

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// Condition is a condition on entries, such as
//
//	level >= warn and tool == "search" and duration > 1s and message =~ "timeout"
type Condition struct {
	program *vm.Program
	machine vm.VM
}

// fields are the names that a condition may use.
type fields struct {
	Level     int           `expr:"level"`
	Time      time.Time     `expr:"time"`
	Message   string        `expr:"message"`
	Event     string        `expr:"event"`
	Logger    string        `expr:"logger"`
	Stream    string        `expr:"stream"`
	Request   string        `expr:"request"`
	Session   string        `expr:"session"`
	User      string        `expr:"user"`
	Tool      string        `expr:"tool"`
	Method    string        `expr:"method"`
	Endpoint  string        `expr:"endpoint"`
	Status    int           `expr:"status"`
	Error     string        `expr:"error"`
	ErrorType string        `expr:"error_type"`
	Reason    string        `expr:"reason"`
	Duration  time.Duration `expr:"duration"`
	Source    string        `expr:"source"`

	Known      func(string) bool   `expr:"known"`
	Has        func(string) bool   `expr:"has"`
	Text       func(string) string `expr:"text"`
	Number     func(string) any    `expr:"number"`
	DurationOf func(string) any    `expr:"duration_of"`
	Raw        func(string) any    `expr:"raw"`
}

// fieldNames are the fields that a condition may use.
var fieldNames = []string{
	"level", "time", "message", "event", "logger", "stream", "request", "session", "user", "tool", "method", "endpoint", "status", "error", "error_type",
	"reason", "duration", "source",
}

// Parse compiles a condition. The language is that of github.com/expr-lang/expr, with
// durations as 1s, levels as bare words, =~ and !~ for regular expressions, and .a.b for the
// key a.b of the line. An error shows its place in the condition.
func Parse(condition string) (*Condition, error) {
	if strings.TrimSpace(condition) == "" {
		return nil, errors.New("the condition is empty; fields are " + strings.Join(fieldNames, ", "))
	}
	t, err := translate(condition)
	if err != nil {
		return nil, err
	}
	program, err := expr.Compile(t.out.String(), expr.Env(fields{}), expr.AsBool(), expr.Function("span", func(params ...any) (any, error) {
		s, _ := params[0].(string)
		return time.ParseDuration(s)
	}, new(func(string) time.Duration)), expr.Function("exists", func(params ...any) (any, error) {
		return params[0] != nil && !reflect.ValueOf(params[0]).IsZero(), nil
	}, new(func(any) bool)))
	if err != nil {
		return nil, t.explain(err)
	}
	return &Condition{program: program}, nil
}

// known reports whether an entry has one of the fields of mayLack.
func known(e *input.Entry, field string) bool {
	switch field {
	case "level":
		return e.Level != logline.NoLevel
	case "time":
		return e.Known
	case "status":
		return e.Status != 0
	}
	return e.HasDuration
}

// keys are the functions that read a key of the line.
type keys struct{ record *logline.Record }

func (k keys) has(key string) bool {
	_, kind := logline.Lookup(k.record, key)
	return kind != logline.NoValue
}

func (k keys) text(key string) string {
	text, _ := logline.Lookup(k.record, key)
	return string(text)
}

// number returns nil for a value that is no number.
func (k keys) number(key string) any {
	if n, err := strconv.ParseFloat(k.text(key), 64); err == nil {
		return n
	}
	return nil
}

func (k keys) duration(key string) any {
	if d, ok := logline.ParseDuration([]byte(k.text(key))); ok {
		return d
	}
	return nil
}

func (k keys) raw(key string) any {
	text, kind := logline.Lookup(k.record, key)
	switch kind {
	case logline.NoValue:
		return nil
	case logline.Number:
		return k.number(key)
	case logline.Bool:
		return string(text) == "true"
	case logline.Text:
	}
	return string(text)
}

// Match reports whether e fulfils the condition. A condition that cannot be evaluated is not fulfilled.
func (c *Condition) Match(e *input.Entry) bool {
	result, err := c.machine.Run(c.program, fieldsOf(e))
	matched, ok := result.(bool)
	return err == nil && ok && matched
}

func fieldsOf(e *input.Entry) fields {
	k := keys{e.Record}
	f := fields{
		Level: int(e.Level), Message: string(e.Message), Event: string(e.Event), Logger: string(e.Logger), Stream: string(e.Stream),
		Request: string(e.Request), Session: string(e.Session), User: string(e.User), Tool: string(e.Tool), Method: string(e.Method),
		Endpoint: string(e.Endpoint), Status: e.Status, Error: string(e.ErrorText), ErrorType: string(e.ErrorType), Reason: string(e.Reason),
		Duration: e.Duration, Source: e.Source.Name,
		Known: func(field string) bool { return known(e, field) }, Has: k.has, Text: k.text, Number: k.number, DurationOf: k.duration, Raw: k.raw,
	}
	if e.Known {
		f.Time = time.Unix(0, e.Nanos).UTC()
	}
	return f
}
