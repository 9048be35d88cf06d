package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/mcp/arguments"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Call names the tool that doctor calls, once.
type Call struct {
	Name      string // empty: the first tool that only reads
	Arguments string // a JSON object; empty: made from the schema of the tool
}

// toolCall is the call of a tool by a request. The facts hold neither its result nor
// arguments that the user gave.
type toolCall struct {
	name, arguments string
	made            bool // the arguments, from the schema of the tool
}

// newToolCall returns a call with the arguments that the user gave, or with others.
func newToolCall(tool facts.ToolFact, given string, seed uint64) *toolCall {
	if given != "" {
		return &toolCall{name: tool.Name, arguments: given}
	}
	made := arguments.Make(jsontext.Value(tool.Input), rand.New(rand.NewPCG(1, seed))) //nolint:gosec // the same arguments each time
	return &toolCall{name: tool.Name, arguments: string(made), made: true}
}

// params returns the members of the parameters of the call.
func (c *toolCall) params() string {
	return fmt.Sprintf(`"name":%s,"arguments":%s`, facts.QuoteJSON(c.name), c.arguments)
}

// withhold removes the arguments and results of the call from x. Errors stay.
func (c *toolCall) withhold(x *facts.Exchange) {
	if !c.made {
		x.Payload = strings.Replace(x.Payload, `"arguments":`+c.arguments, `"arguments":"REDACTED"`, 1)
	}
	withoutExcerpts(x.Broken)
	withoutExcerpts(x.Odd)
	switch m := x.Message; {
	case m != nil && m.Error != nil:
		text := c.hide(m.Error.Message)
		text = report.RedactText(strings.ToValidUTF8(text[:min(len(text), maxBodyKept)], "\uFFFD"))
		x.Message = &facts.Message{ID: m.ID, Error: &mcp.RPCError{Code: m.Error.Code, Message: text}}
		x.Body = fmt.Sprintf(`{"error":{"code":%d,"message":%s}}`, m.Error.Code, facts.QuoteJSON(text))
	case m != nil && len(m.Result) > 0:
		x.Body, x.Message = "", &facts.Message{ID: m.ID, Result: json.RawMessage("null")}
	case x.OK():
		x.Body = "" // perhaps the beginning of a result
	default:
		x.Body = c.hide(x.Body)
	}
}

// withoutExcerpts removes quotations from the faults of an event stream.
func withoutExcerpts(faults []string) {
	for i, text := range faults {
		text, _, _ = strings.Cut(text, ": ")
		faults[i], _, _ = strings.Cut(text, ` "`)
	}
}

// hide removes the values in the arguments that the user gave from text.
func (c *toolCall) hide(text string) string {
	if c.made {
		return text
	}
	d := json.NewDecoder(strings.NewReader(c.arguments))
	d.UseNumber()
	var given any
	if d.Decode(&given) != nil {
		return text
	}
	values := valuesIn(given, nil)
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	for _, value := range values {
		text = strings.ReplaceAll(text, value, "REDACTED")
	}
	return text
}

// shortestHidden is the length of values from which on they are hidden: shorter ones
// are parts of other words.
const shortestHidden = 4

// valuesIn appends the texts and numbers in a value of JSON to list.
func valuesIn(value any, list []string) []string {
	switch v := value.(type) {
	case json.Number:
		return valuesIn(v.String(), list)
	case string:
		if len(v) >= shortestHidden {
			list = append(list, v)
		}
	case []any:
		for _, part := range v {
			list = valuesIn(part, list)
		}
	case map[string]any:
		for _, part := range v {
			list = valuesIn(part, list)
		}
	}
	return list
}

// callOnce calls the tool that the user chose.
func (g *gatherer) callOnce(ctx context.Context) {
	tool, c := chooseTool(g.f, g.Call)
	if tool == nil {
		return
	}
	r := g.inSession(facts.CallProbe, "1", facts.CallProbe, "{"+c.params()+"}")
	if !g.f.SpeaksLegacy() {
		r = modernPost(facts.CallProbe, facts.CallProbe, c.params())
		r.header["Mcp-Name"] = tool.Name
	}
	r.limit, r.call = maxPage, c
	x, body := g.send(ctx, r)
	noteAnswer(g.f.Call, tool, c, facts.ParseMessage(facts.ContentType(x.Header), []byte(g.withoutIDs(string(body)))))
}

// chooseTool returns the tool that c names and its call. It notes the choice, or why
// there is none.
func chooseTool(f *facts.Facts, c *Call) (tool *facts.ToolFact, call *toolCall) {
	if c == nil {
		return nil, nil
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
		return nil, nil
	case tool == nil:
		f.Call.Missing = report.Cell(c.Name, 64)
		f.Call.Why = fmt.Sprintf("there is no tool %q", f.Call.Missing)
		return nil, nil
	}
	call = newToolCall(*tool, c.Arguments, 1)
	f.Call.Tool, f.Call.Made = tool.Name, call.made
	return tool, call
}

// noteAnswer notes the answer m of a tool to call.
func noteAnswer(c *facts.Called, tool *facts.ToolFact, call *toolCall, m *facts.Message) {
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
	if json.Unmarshal(m.Result, &result) != nil {
		c.Invalid = "the result is not that of a tool"
		return
	}
	if c.IsError = result.IsError; c.IsError {
		for _, part := range result.Content[:min(len(result.Content), 3)] {
			c.Text += part.Text[:min(len(part.Text), maxBodyKept)] + " "
		}
		c.Text = report.CutWords(report.Line(report.RedactText(call.hide(c.Text))), 200)
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
