package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// TestChoice checks which tools are called without being named, and what is said
// about them before the calls.
func TestChoice(t *testing.T) {
	t.Parallel()
	var tools []mcp.Tool
	const listed = `[{"name":"plain","inputSchema":{"required":["q"],"properties":{"q":{"type":"string"}}}},{"name":"job","execution":{"taskSupport":"required"}},
		{"name":"either","annotations":{"readOnlyHint":true},"execution":{"taskSupport":"optional"}},
		{"name":"web","annotations":{"openWorldHint":true}},{"name":"drop","annotations":{"destructiveHint":true}},{"name":""}]`
	if err := json.Unmarshal([]byte(listed), &tools); err != nil {
		t.Fatal(err)
	}
	const job, noName = "job is left out: it runs only as a task, not as a plain call", " is left out: it has no name"
	const notReadOnly = " is left out: it is not declared read-only"
	for _, c := range []struct {
		plan  Plan
		want  string
		notes []string
	}{
		{Plan{}, "plain either", []string{
			job, "web is left out: it is declared to reach outside the server (openWorldHint)", "drop is left out: it is declared destructive", noName,
			"plain: not declared read-only; --read-only leaves such tools out",
			"plain: the arguments are made up from the input schema; --dry-run shows them, --args sets them",
		}},
		{Plan{Choice: Choice{Destructive: true}}, "plain either web drop", []string{
			job, noName, "plain, web, drop: not declared read-only; --read-only leaves such tools out",
			"plain: the arguments are made up from the input schema; --dry-run shows them, --args sets them",
		}},
		{Plan{Choice: Choice{ReadOnly: true}}, "either", []string{"plain" + notReadOnly, job, "web" + notReadOnly, "drop" + notReadOnly, noName}},
		{Plan{Steps: []Step{{Kind: CallTool, Name: "job", Args: Fixed([]byte("{}"))}}}, "job", nil},
	} {
		if err := c.plan.Resolve(tools); err != nil {
			t.Fatal(err)
		}
		var names []string
		for i := range c.plan.Steps {
			names = append(names, c.plan.Steps[i].Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("calls %s, want %s", got, c.want)
		}
		if got, want := strings.Join(c.plan.Notices(), "\n"), strings.Join(c.notes, "\n"); got != want {
			t.Errorf("notices\n%s\nwant\n%s", got, want)
		}
	}
}

func TestEnumerate(t *testing.T) {
	t.Parallel()
	if got := enumerate(strings.Fields("a b c d e f g h")); got != "a, b, c, d, e, f and 2 more" {
		t.Errorf("got %q", got)
	}
}
