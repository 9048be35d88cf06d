package plan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

var oddNames = []string{
	"plain", "with space", `"quoted"`, "a: b", "- x", "# x", "{{iter}}", "\x1b[2J", "\u202egnp", "line\nbreak", "é😀", "'", `\`, "\xff", "null", "12",
	"{{\"{{\"}}", "\U000e0001", "\u2028", "\x7f\u009b", "<script>",
}

// A plan that is written says what it was written from, whatever the names are.
func TestWritePlanReadsBack(t *testing.T) {
	for _, name := range oddNames {
		var tool mcp.Tool
		schema, _ := json.Marshal(map[string]any{"required": []string{name}, "properties": map[string]any{name: map[string]any{"const": name}}})
		tool.Name, tool.InputSchema = name, schema
		p := &Plan{URL: "http://localhost/" + name}
		if err := p.Resolve([]mcp.Tool{tool}); err != nil {
			t.Fatal(err)
		}
		p.Steps = append(p.Steps, Step{Kind: ReadResource, Name: name}, Step{Kind: GetPrompt, Name: name, Args: constant(name)})
		var b bytes.Buffer
		if err := p.Write(&b, name, "plan.schema.json"); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e\u2028\x7f\u009b") {
			t.Errorf("%q is raw in the plan", name)
		}
		back, err := Parse(b.Bytes(), "plan.yaml", readTestFeed)
		if err != nil {
			t.Errorf("%q: %v\n%s", name, err, b.String())
			continue
		}
		want := strings.ToValidUTF8(name, "\ufffd")
		for i, s := range back.Steps {
			if s.Name != want {
				t.Errorf("step %d is %q, want %q", i, s.Name, want)
			}
		}
		var args map[string]string
		if err := json.Unmarshal(back.Steps[0].Args.JSON(&Vars{}), &args); err != nil || args[want] != want {
			t.Errorf("the arguments of %q came back as %q, %v", name, args, err)
		}
	}
}

func TestDryRunShowsEachCall(t *testing.T) {
	args, err := ParseTemplate(jsontext.Value(`{"q": "{{iter}}"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &Plan{Steps: []Step{{Kind: CallTool, Name: "search\u202e", Args: args}, {Kind: ReadResource, Name: "file:///x"}, {Kind: GetPrompt, Name: "greet"}}}
	var b strings.Builder
	if err := p.DryRun(&b); err != nil {
		t.Fatal(err)
	}
	want := `{"method":"tools/call","params":{"arguments":{"q":"0"},"name":"search\u202e"}}
{"method":"resources/read","params":{"uri":"file:///x"}}
{"method":"prompts/get","params":{"name":"greet"}}
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

func constant(text string) Template {
	value, _ := json.Marshal(map[string]string{text: text})
	return Template{Parts: []Part{{Fixed: value}}}
}
