package assist

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// prompt is a question and the tools that answer it, step by step.
type prompt struct{ name, title, about, steps string }

// TARGET stands for the server, as the user named it.
var prompts = []prompt{
	{"why_is_it_slow", "Why is it slow?", "Find out why a server is slow or hangs.", `Find out why the MCP server at TARGET is slow.
1. Call snapshot. Calls in flight for long, and a handler with a queue, name the tool that is slow. Call it three times some seconds apart: the same call ids mean that calls hang.
2. Call diff with the ids of the first and the last snapshot: stuck calls, queues that grow, errors.
3. If it has no snapshot, call metrics: the endpoint with the largest share of the time, event-loop lag, garbage collection.
4. If there are logs, call logs with since set to the time before it was slow: slow requests, errors, database errors, rate limits, and what changed when.
5. If calls wait for a database or Redis, call deps: blocked sessions, slow statements, full pools.
6. If there are traces or profiles, call flame_findings.
Name the one cause that explains most, with the figures that show it, and the next step. Say what was not measured.`},
	{"does_it_leak", "Does it leak?", "Find out whether a server leaks memory.", `Find out whether the MCP server at TARGET leaks memory.
1. If there is a recording of its memory, call judge on it: hours of it say more than a short look.
2. Otherwise call monitor with its port, for as long as the client waits. A warm-up grows as well, and a short run is often undecided: say so then.
3. Call snapshot now and again later, and diff with both ids: sessions that only grow, memory that grows while sessions do not, memory retained by a handler.
4. If there are two heap snapshots or profiles, call heap_diff with the number of operations between them: it names what holds the memory.
5. If the tool leaktest exists and the user agrees to load the server, call it: it tells a leak from a warm-up, and what leaks.
Answer leak, no leak or undecided, with bytes per operation if known, and what would decide it.`},
	{"why_can_nobody_connect", "Why can nobody connect?", "Find out why clients cannot connect to a server or log in.", `Find out why clients cannot connect to the MCP server at TARGET.
1. Call doctor. Its root causes come first: name lookup, connection, TLS, HTTP status, handshake, authorization, sessions.
2. If nothing answers, call monitor with the port for 5 seconds: is there a process that listens?
3. If there are logs of the server or of the host (Claude Desktop, VS Code, Cursor), call logs: refused clients, failed starts, known faults with their remedy.
4. If sessions are lost, call snapshot twice: sessions, restarts.
Name the root cause, the exchange that proves it, and what to change. Say what was not checked.`},
}

func (s *Server) addPrompts() {
	for _, p := range prompts {
		s.mcp.AddPrompt(&mcp.Prompt{
			Name: p.name, Title: p.title, Description: p.about,
			Arguments: []*mcp.PromptArgument{{Name: "target", Title: "Server", Description: "address of the server, such as http://localhost:3100"}},
		}, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			target := report.Cell(req.Params.Arguments["target"], 200)
			if target == "" {
				target = "the address that the user names"
			}
			return &mcp.GetPromptResult{Description: p.about, Messages: []*mcp.PromptMessage{
				{Role: "user", Content: &mcp.TextContent{Text: strings.ReplaceAll(p.steps, "TARGET", target)}},
			}}, nil
		})
	}
}
