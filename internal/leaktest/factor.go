package leaktest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// factor is a kind of load that differs from another in one thing.
type factor struct {
	id, per, does string
	held          bool     // what it leaves behind is let go of by time only
	fails         bool     // its operations are meant to fail
	stays         bool     // in sessions that stay open during the phase
	parallel      bool     // with all users at once
	sessions      bool     // only where the server has sessions
	modern        bool     // only where it speaks the revision without
	calls         bool     // of a tool, which succeed
	splits        []string // what to try one by one when it leaks
	made          []string // of which other factors an operation is composed
	do            func(ctx context.Context, l *load, worker int) error
}

// everyday is what runs when no factor was asked for: sessions that come and go
// and one that stays, each with calls.
const everyday = "everyday"

var factors = allFactors()

func allFactors() []factor {
	return []factor{
		{id: everyday, per: "call", does: "users open a session, call and DELETE it; as many calls in sessions that stay", calls: true, stays: true},
		{id: "initialize", per: "initialize", does: "initialize, and nothing more", held: true, sessions: true, do: initializeOnly},
		{id: "closed", per: "session closed with DELETE", does: "initialize, initialized, DELETE", sessions: true, do: closedSession},
		{id: "abandoned", per: "session abandoned", does: "initialize, initialized, then the connection is closed", held: true, sessions: true, do: abandonedSession},
		{id: "call", per: "call", does: "a call in a session that stays open", calls: true, stays: true, do: oneCall},
		{id: "failed-call", per: "failed call", does: "a call of an unknown tool, or with wrong arguments, in a session that stays open", stays: true, fails: true, do: failedCall},
		{id: "closed-after-call", per: "session with a call", does: "initialize, initialized, a call, DELETE", calls: true, sessions: true, splits: []string{"closed"}, made: []string{"closed", "call"}, do: sessionWithCall},
		{id: "closed-after-failure", per: "session in which a call failed", does: "initialize, initialized, a call that fails, DELETE", sessions: true, fails: true, made: []string{"closed", "failed-call"}, do: sessionWithFailure},
		{id: "rejected", per: "set of four rejected requests", does: "a request without a session, one for an unknown method, one with a wrong Accept header and a health probe", fails: true,
			splits: []string{"bare-request", "bad-method", "wrong-accept", "health"}, do: rejected},
		{id: "bare-request", per: "request without a session", does: "tools/list without initialize", fails: true, do: bareRequest},
		{id: "bad-method", per: "request for an unknown method", does: "a JSON-RPC request with a method that does not exist", fails: true, do: badMethod},
		{id: "wrong-accept", per: "request with a wrong Accept header", does: "initialize with Accept: text/plain", fails: true, do: wrongAccept},
		{id: "health", per: "health probe", does: "GET /health", fails: true, do: healthProbe},
		{id: "modern-call", per: "stateless call", does: "tools/call of revision 2026-07-28", calls: true, modern: true, do: modernCall},
		{id: "discover", per: "server/discover", does: "server/discover", fails: true, do: discover},
		{id: "dropped-stream", per: "event stream that is dropped", does: "GET of the event stream, dropped at once", sessions: true, fails: true, do: droppedStream},
		{id: "concurrent-call", per: "call among many at once", does: "calls of all users at once, in sessions that stay open", calls: true, stays: true, parallel: true, made: []string{"call"}, do: oneCall},
	}
}

// perTool is what memory is kept per, where one of f calls this tool: a leak of
// one tool says nothing of the others.
func (f *factor) perTool(tool string) string {
	switch {
	case !f.calls:
		return f.per
	case tool == "":
		return strings.Replace(f.per, "call", "tools/list", 1)
	}
	return strings.Replace(f.per, "call", "call of "+report.Cell(tool, mostTool), 1)
}

const mostTool = 60 // characters of a tool's name in a sentence

// FactorIDs are the names of the factors.
func FactorIDs() []string {
	var ids []string
	for _, f := range factors {
		ids = append(ids, f.id)
	}
	return ids
}

// Attribute names the factors that --attribute loads a server with: those that
// only take another apart come when that one leaks.
func Attribute() []string {
	return slices.DeleteFunc(FactorIDs(), func(id string) bool {
		return id == everyday || slices.ContainsFunc(factors, func(f factor) bool { return slices.Contains(f.splits, id) })
	})
}

// factorsOf finds the factors that ids name.
func factorsOf(ids []string) ([]factor, error) {
	if len(ids) == 0 {
		ids = []string{everyday}
	}
	var found []factor
	for _, id := range ids {
		i := slices.IndexFunc(factors, func(f factor) bool { return f.id == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no factor %q; there are %s", id, strings.Join(FactorIDs(), ", "))
		}
		found = append(found, factors[i])
	}
	return found, nil
}

// applies says why f cannot be tried on a server; "" where it can.
func (f *factor) applies(l *load) string {
	switch {
	case f.sessions && !l.sessions:
		return "the server has no sessions"
	case f.modern && !l.modern:
		return "the server does not speak the revision without sessions"
	case l.line != nil && f.id != everyday && f.id != "call" && f.id != "failed-call" && f.id != "bad-method":
		return "it needs HTTP"
	}
	return ""
}

// CheckFactors is an error for a name that is no factor.
func CheckFactors(ids []string) error {
	_, err := factorsOf(ids)
	return err
}
