package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/mcp/arguments"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Call names the tool that doctor calls, once.
type Call struct {
	Name      string // empty: the first tool that only reads
	Arguments string // a JSON object; empty: made from the schema of the tool
}

// callOnce calls the tool that the user chose.
func (g *gatherer) callOnce(ctx context.Context) {
	tool, params := chooseTool(g.f, g.Call)
	if tool == nil {
		return
	}
	r := g.inSession(facts.CallProbe, "1", facts.CallProbe, "{"+params+"}")
	if !g.f.SpeaksLegacy() {
		r = modernPost(facts.CallProbe, facts.CallProbe, params)
		r.header["Mcp-Name"] = tool.Name
	}
	r.limit = maxPage
	x, body := g.send(ctx, r)
	noteAnswer(g.f.Call, tool, facts.ParseMessage(facts.ContentType(x.Header), body), x)
}

// chooseTool returns the tool that c names and the parameters of its call. It notes
// the choice, or why there is none.
func chooseTool(f *facts.Facts, c *Call) (tool *facts.ToolFact, params string) {
	if c == nil {
		return nil, ""
	}
	f.Call = &facts.Called{}
	all := f.ListedTools()
	for i, t := range all {
		if t.Name != "" && t.Name == c.Name || c.Name == "" && t.Annotations["readOnlyHint"] == true && t.Annotations["destructiveHint"] != true {
			tool = &all[i]
			break
		}
	}
	switch {
	case tool == nil && c.Name == "":
		f.Call.Why = "no tool says that it only reads"
		return nil, ""
	case tool == nil:
		f.Call.Missing = report.Cell(c.Name, 64)
		f.Call.Why = fmt.Sprintf("there is no tool %q", f.Call.Missing)
		return nil, ""
	}
	values := c.Arguments
	if values == "" {
		f.Call.Made = true
		values = string(arguments.Make(jsontext.Value(tool.Input), rand.New(rand.NewPCG(1, 1)))) //nolint:gosec // not for secrets
	}
	f.Call.Tool = tool.Name
	return tool, fmt.Sprintf(`"name":%s,"arguments":%s`, facts.QuoteJSON(tool.Name), values)
}

// noteAnswer notes the answer m of a tool, and keeps the arguments, and the
// result of a tool that worked, out of x.
func noteAnswer(c *facts.Called, tool *facts.ToolFact, m *facts.Message, x *facts.Exchange) {
	x.Payload = report.RedactText(x.Payload)
	var result struct {
		IsError bool `json:"isError"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
		Structured json.RawMessage `json:"structuredContent"`
	}
	if m == nil || len(m.Result) == 0 {
		return
	}
	x.Body, x.Message = "", &facts.Message{ID: m.ID, Result: json.RawMessage("null")}
	if json.Unmarshal(m.Result, &result) != nil {
		c.Invalid = "the result is not that of a tool"
		return
	}
	if c.IsError = result.IsError; c.IsError {
		for _, part := range result.Content[:min(len(result.Content), 3)] {
			c.Text += part.Text[:min(len(part.Text), maxBodyKept)] + " "
		}
		c.Text = report.CutWords(report.Line(report.RedactText(c.Text)), 200)
		return
	}
	if len(tool.Output) > 0 && string(tool.Output) != "null" {
		if err := conforms(result.Structured, tool.Output); err != nil {
			c.Invalid = err.Error()
		}
	}
}

// conforms returns how a value breaks a schema. A schema that cannot be used
// says nothing: tools.schema judges it.
func conforms(value, schema json.RawMessage) error {
	var s jsonschema.Schema
	var v any
	if json.Unmarshal(schema, &s) != nil {
		return nil //nolint:nilerr // see above
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	if len(value) == 0 || json.Unmarshal(value, &v) != nil {
		return errors.New("there is an outputSchema, but no structuredContent")
	}
	return withoutValues(resolved.Validate(v))
}

// place matches the places in the schema that an error of a validation names.
var place = regexp.MustCompile(`validating (/[^\s:]+): (?:([a-zA-Z]+): )?`)

// withoutValues returns the error of a validation without values, which are those of
// the user.
func withoutValues(err error) error {
	if err == nil {
		return nil
	}
	where := "structuredContent is not as outputSchema says"
	if all := place.FindAllStringSubmatch(err.Error(), -1); len(all) > 0 {
		last := all[len(all)-1]
		where += ", at " + last[1] + " " + last[2]
	}
	return errors.New(strings.TrimSpace(report.Cell(where, 160)))
}
