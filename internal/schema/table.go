// Package schema makes the JSON Schemas of the documents that commands write with
// --format json. The result struct of a command is its document, so each schema is
// inferred from that struct: [Commands] is the table.
package schema

import (
	"reflect"

	"github.com/mcpdiag/mcpdiag/internal/deps"
	"github.com/mcpdiag/mcpdiag/internal/deps/metrics"
	"github.com/mcpdiag/mcpdiag/internal/diff"
	"github.com/mcpdiag/mcpdiag/internal/doctor"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/knee"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/logs"
	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/proxy/registry"
	"github.com/mcpdiag/mcpdiag/internal/token"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Command is a document that a command writes.
type Command struct {
	Name  string // command, or command and the mode that has another document: "leaktest judge"
	About string // one sentence, with the flag that chooses the document
	Type  reflect.Type
}

// Commands lists the documents, one for each command that has --format json, and one
// more for each flag that makes a command write another document.
var Commands = []Command{
	{"deps", "What the servers that an MCP server depends on were found to do.", reflect.TypeFor[deps.Result]()},
	{"diff", "Two moments of a server compared.", reflect.TypeFor[diff.Result]()},
	{"doctor", "What is wrong with a server.", reflect.TypeFor[doctor.Result]()},
	{"doctor facts", "What was observed (doctor --save).", reflect.TypeFor[facts.Facts]()},
	{"flame", "Stacks merged, with what stands out.", reflect.TypeFor[flame.Result]()},
	{"flame sandwich", "Callers and callees of one function (flame --sandwich).", reflect.TypeFor[flame.Sandwich]()},
	{"heap", "Objects that stay in memory, and what holds them.", reflect.TypeFor[heap.Result]()},
	{"leaktest", "The verdict of a leak test.", reflect.TypeFor[leaktest.Result]()},
	{"leaktest judge", "The verdict on recorded memory (leaktest --judge).", reflect.TypeFor[trend.Judgement]()},
	{"loadtest", "Latencies and errors of a load.", reflect.TypeFor[result.Result]()},
	{"loadtest knee", "The highest load that a server carries (loadtest --find-knee).", reflect.TypeFor[knee.Knee]()},
	{"logs", "What logs say.", reflect.TypeFor[logs.Result]()},
	{"metrics", "Latencies and errors by a /metrics page.", reflect.TypeFor[metrics.Result]()},
	{"monitor", "Memory of a process over time.", reflect.TypeFor[monitor.Result]()},
	{"poll", "Snapshots over time.", reflect.TypeFor[poll.Result]()},
	{"proxy list", "The proxies that run.", reflect.TypeFor[[]registry.Entry]()},
	{"token", "An access token judged.", reflect.TypeFor[token.Result]()},
}

// Names returns the names of the documents.
func Names() []string {
	var names []string
	for _, c := range Commands {
		names = append(names, c.Name)
	}
	return names
}

// Find returns the document of a name, nil if there is none.
func Find(name string) *Command {
	for i := range Commands {
		if Commands[i].Name == name {
			return &Commands[i]
		}
	}
	return nil
}
