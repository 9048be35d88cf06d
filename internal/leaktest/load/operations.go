package load

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Need is a set of requirements of an operation on the server.
type Need uint8

// The needs of operations.
const (
	NeedsHTTP       Need = 1 << iota // not standard streams
	NeedsStreamable                  // raw requests of Streamable HTTP
	NeedsSessions                    // the server gives its clients sessions
	NeedsEnd                         // and lets them end these
	NeedsModern                      // the revision without sessions
)

// Trait is a set of properties of an operation.
type Trait uint8

// The traits of operations.
const (
	CallsTool     Trait = 1 << iota // calls the tool, successfully
	MeantToFail                     // is wrong on purpose
	HeldByTime                      // leaves sessions that only time releases
	Standing                        // uses sessions that stay open during the phase
	AllUsers                        // runs with all users at once
	OpensSessions                   // opens a session of its own
	SizedByUsers                    // --users times --calls is the size of a round
	Unasked                         // runs by default, and is skipped in silence where it does not apply
)

// Operation is one kind of load that differs from the others in one thing.
type Operation struct {
	ID    string
	Per   string // names the operation: "memory kept per call"
	Does  string
	Needs Need
	Is    Trait

	Parts      []string // operations to try one by one when this one leaks
	ComposedOf []string // operations that this one consists of

	do  func(ctx context.Context, l *Load, worker int) error // one operation, or
	run func(ctx context.Context, l *Load, n int) Batch      // n of them
}

// Has reports whether op has all the traits.
func (op *Operation) Has(traits Trait) bool { return op.Is&traits == traits }

// Operations lists all operations.
func Operations() []Operation {
	const raw = NeedsHTTP | NeedsStreamable
	return []Operation{
		{ID: judge.Everyday, Per: "call", Does: "users open a session, call and DELETE it; as many calls in sessions that stay; server/discover for each session",
			Is: CallsTool | Standing | SizedByUsers, do: oneCall, run: everydayRun},
		{ID: "initialize", Per: "initialize", Does: "initialize, and nothing more", Needs: raw | NeedsSessions, Is: HeldByTime | OpensSessions, do: initializeOnly},
		{ID: "closed", Per: "session closed with DELETE", Does: "initialize, initialized, DELETE", Needs: NeedsHTTP | NeedsSessions | NeedsEnd, Is: OpensSessions, do: closedSession},
		{ID: "abandoned", Per: "session abandoned", Does: "initialize, initialized, then the connection is closed", Needs: NeedsHTTP | NeedsSessions, Is: HeldByTime | OpensSessions, do: abandonedSession},
		{ID: "call", Per: "call", Does: "a call in a session that stays open", Is: CallsTool | Standing, do: oneCall},
		{ID: "failed-call", Per: "failed call", Does: "a call of an unknown tool, or with wrong arguments, in a session that stays open", Is: Standing | MeantToFail, do: failedCall},
		{ID: "closed-after-call", Per: "session with a call", Does: "initialize, initialized, a call, DELETE", Needs: NeedsHTTP | NeedsSessions | NeedsEnd, Is: CallsTool | OpensSessions,
			Parts: []string{"closed"}, ComposedOf: []string{"closed", "call"}, do: sessionWithCall},
		{ID: "closed-after-failure", Per: "session in which a call failed", Does: "initialize, initialized, a call that fails, DELETE", Needs: NeedsHTTP | NeedsSessions | NeedsEnd, Is: MeantToFail | OpensSessions,
			ComposedOf: []string{"closed", "failed-call"}, do: sessionWithFailure},
		{ID: "rejected", Per: "set of four rejected requests", Does: "a request without a session, one for an unknown method, one with a wrong Accept header and a health probe",
			Needs: raw, Is: MeantToFail, Parts: []string{"bare-request", "bad-method", "wrong-accept", "health"}, do: rejected},
		{ID: "bare-request", Per: "request without a session", Does: "tools/list without initialize", Needs: raw, Is: MeantToFail, do: bareRequest},
		{ID: "bad-method", Per: "request for an unknown method", Does: "a JSON-RPC request with a method that does not exist", Is: MeantToFail, do: badMethod},
		{ID: "wrong-accept", Per: "request with a wrong Accept header", Does: "initialize with Accept: text/plain", Needs: raw, Is: MeantToFail, do: wrongAccept},
		{ID: "health", Per: "health probe", Does: "GET /health", Needs: NeedsHTTP, Is: MeantToFail, do: healthProbe},
		{ID: "modern-call", Per: "stateless call", Does: "tools/call of revision 2026-07-28", Needs: raw | NeedsModern, Is: CallsTool, do: modernCall},
		{ID: "discover", Per: "server/discover", Does: "server/discover", Needs: raw, Is: MeantToFail, do: discover},
		{ID: "dropped-stream", Per: "event stream that is dropped", Does: "GET of the event stream, dropped at once", Needs: raw | NeedsSessions, Is: MeantToFail, do: droppedStream},
		{ID: "concurrent-call", Per: "call among many at once", Does: "calls of all users at once, in sessions that stay open", Needs: NeedsHTTP,
			Is: CallsTool | Standing | AllUsers | SizedByUsers, ComposedOf: []string{"call"}, do: oneCall},
	}
}

// mostTool bounds a tool's name in a sentence, in characters.
const mostTool = 60

// PerTool returns Per with the name of the tool, if op calls one: a leak of one tool
// says nothing about the others.
func (op *Operation) PerTool(tool string) string {
	switch {
	case !op.Has(CallsTool):
		return op.Per
	case tool == "":
		return strings.Replace(op.Per, "call", "tools/list", 1)
	}
	return strings.Replace(op.Per, "call", "call of "+report.Cell(tool, mostTool), 1)
}

// IDs returns the names of all operations.
func IDs() []string {
	var ids []string
	for _, op := range Operations() {
		ids = append(ids, op.ID)
	}
	return ids
}

// Attribution names the operations that attribute a leak. Those that only take
// another one apart are added when that one leaks.
func Attribution() []string {
	parts := map[string]bool{judge.Everyday: true}
	for _, op := range Operations() {
		for _, id := range op.Parts {
			parts[id] = true
		}
	}
	return slices.DeleteFunc(IDs(), func(id string) bool { return parts[id] })
}

// Find returns the operations with these IDs. Without any it returns the default:
// the everyday load, and abandoned sessions where the server has sessions.
func Find(ids []string) ([]Operation, error) {
	if len(ids) == 0 {
		found, err := Find([]string{judge.Everyday, "abandoned"})
		if err == nil {
			found[1].Is |= Unasked
		}
		return found, err
	}
	var found []Operation
	for _, id := range ids {
		i := slices.IndexFunc(Operations(), func(op Operation) bool { return op.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no factor %q; there are %s", id, strings.Join(IDs(), ", "))
		}
		found = append(found, Operations()[i])
	}
	return found, nil
}

// PartsOf returns the operations that op can be split into, except those in todo.
func PartsOf(op *Operation, todo []Operation) []Operation {
	missing := slices.DeleteFunc(slices.Clone(op.Parts), func(id string) bool {
		return slices.ContainsFunc(todo, func(t Operation) bool { return t.ID == id })
	})
	if len(missing) == 0 {
		return nil
	}
	parts, _ := Find(missing) // they are in the list
	return parts
}
