package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// DryRun writes one call of each step as JSON.
func (p *Plan) DryRun(w io.Writer) error {
	random := NewRand(p.Seed, 2)
	for i := range p.Steps {
		s := &p.Steps[i]
		params := map[string]any{"name": s.Name}
		switch {
		case s.Kind == ReadResource:
			params = map[string]any{"uri": s.Name}
		case !s.Args.IsZero():
			params["arguments"] = json.RawMessage(s.Args.JSON(&Vars{Users: 1, Rand: random}))
		}
		line, err := json.Marshal(map[string]any{"method": s.Kind, "params": params})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(report.NewJSONWriter(w), "%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// Trial is the outcome of one call of a step.
type Trial struct {
	Took time.Duration
	Why  string // the failure, "" for a successful call
}

// bearable returns a threshold for the 99th percentile, in whole seconds.
func (p *Plan) bearable() time.Duration {
	most := leastThreshold
	for _, t := range p.Trials {
		if t.Why == "" {
			most = max(most, (roomForLoad*t.Took).Truncate(time.Second)+time.Second)
		}
	}
	return most
}

// Write writes a plan file for editing.
func (p *Plan) Write(w io.Writer, server, schema string) error {
	var b strings.Builder
	if schema != "" {
		fmt.Fprintf(&b, "# yaml-language-server: $schema=%s\n", schema)
	}
	fmt.Fprintf(&b, "# A load test of %s. Run it with: mcpdiag loadtest --plan FILE\n", report.Cell(server, 100))
	fmt.Fprintf(&b, "url: %s\n", yamlText(p.URL))
	b.WriteString(`seed: 1

# Stages run one after the other. A stage has users (closed loop) or a rate (open loop).
stages:
  - users: 10
    ramp-up: 5s
    duration: 30s
  # - rate: 50/s
  #   users: 100
  #   duration: 30s

warmup: 2s
think: 0.1s..2s     # between calls of a user
session: user       # or call, or a number of calls
end: delete         # or abandon, or keep

# Calls, drawn by weight. Texts may contain {{iter}}, {{user}}, {{uuid}}, {{now}},
# {{int 1 10}} and {{pick "a" "b"}}, generated for each call, and {{FEED.COLUMN}}, a
# cell of a CSV file under feeds:.
steps:
`)
	for i := range p.Steps {
		var one strings.Builder
		p.Steps[i].write(&one)
		text := one.String()
		if i < len(p.Trials) && p.Trials[i].Why != "" {
			fmt.Fprintf(&b, "  # This call failed: %s\n", report.Cell(p.Trials[i].Why, 160))
			text = "  #" + strings.ReplaceAll(strings.TrimSuffix(text[1:], "\n"), "\n ", "\n  #") + "\n"
		}
		b.WriteString(text)
	}
	for _, why := range p.LeftOut {
		fmt.Fprintf(&b, "  # %s\n", report.Cell(why, 160))
	}
	fmt.Fprintf(&b, `
# Conditions that must hold, or the exit code is 3.
thresholds:
  - errors<1%%
  - p99<%.0fs
`, p.bearable().Seconds())
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Step) write(b *strings.Builder) {
	key := map[Kind]string{CallTool: "tool", ReadResource: "resource", GetPrompt: "prompt"}[s.Kind]
	fmt.Fprintf(b, "  - %s: %s\n    weight: %d\n", key, yamlText(s.Name), max(s.Weight, 1))
	if s.Kind == ReadResource {
		return
	}
	args := string(s.Args.example())
	fmt.Fprintf(b, "    args: %s\n", args)
}

// example returns one value of the template, as a template in which braces from the
// server are literal.
func (t *Template) example() []byte {
	if t.IsZero() {
		return []byte("{}")
	}
	dec := json.NewDecoder(bytes.NewReader(t.JSON(&Vars{Users: 1, Rand: NewRand(1, 1)})))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return []byte("{}") // impossible: it is JSON
	}
	data, err := json.Marshal(literal(value))
	if err != nil {
		return []byte("{}") // impossible: it was decoded from JSON
	}
	return []byte(report.Line(string(data)))
}

// literal returns value with its braces escaped as template text.
func literal(value any) any {
	switch v := value.(type) {
	case string:
		return strings.ReplaceAll(v, "{{", `{{"{{"}}`)
	case []any:
		for i := range v {
			v[i] = literal(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = literal(v[name])
		}
	}
	return value
}

// yamlText quotes a text. The escapes of report.Line are valid in YAML, too.
func yamlText(s string) string {
	return report.Line(`"` + string(appendEscaped(nil, s)) + `"`)
}

// The latency threshold of a generated plan: a multiple of the slowest trial, and the
// minimum.
const (
	roomForLoad    = 3
	leastThreshold = 2 * time.Second
)
