package logs

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// Sessions counts the events of sessions.
type Sessions struct {
	Opened       int64 `json:"opened"`
	Closed       int64 `json:"closed"`
	Distinct     int   `json:"distinct"`      // identifiers seen
	NotFound     int64 `json:"notFound"`      // lookups that failed
	Reopened     int64 `json:"reinitialized"` // a host that initialized again
	Disconnected int64 `json:"disconnected"`
}

// sessions counts the lines about sessions.
type sessions struct {
	lexicon     *lexicon
	counts      Sessions
	seen        tally[struct{}]
	initialized tally[int64] // initialize requests by source and stream
}

// Phrases for the events of sessions.
var (
	sessionLost    = []string{"session not found", "no valid session", "invalid or expired session", "unknown session", "session has been terminated"}
	sessionOpened  = []string{"created new transport", "session connected", "session created", "session_created", "new session", "session initialized"}
	sessionClosed  = []string{"terminating session", "session closed", "session_closed", "session terminated", "session ended", "session deleted", "transport closed for session"}
	sessionDropped = []string{"server disconnected", "transport closed unexpectedly", "server transport closed"}
)

func (s *sessions) add(e *input.Entry, said *wordSet) {
	if len(e.Session) > 0 {
		s.seen.row(e.Session)
	}
	switch {
	case e.RPC.Kind == logline.Request && string(e.Method) == "initialize":
		s.initialize(e)
	case string(e.Method) == "DELETE" && e.Status >= 200 && e.Status < 300:
		s.counts.Closed++
	case e.RPC.Kind != logline.NoRPC && !e.RPC.IsError:
	case said.any(&s.lexicon.lost):
		s.counts.NotFound++
	case said.any(&s.lexicon.opened):
		s.counts.Opened++
	case said.any(&s.lexicon.closed):
		s.counts.Closed++
	case said.any(&s.lexicon.dropped):
		s.counts.Disconnected++
	}
}

func (s *sessions) initialize(e *input.Entry) {
	s.counts.Opened++
	n := s.initialized.row([]byte(e.Source.Name + "\x00" + text(e.Stream)))
	if *n > 0 {
		s.counts.Reopened++
	}
	*n++
}

func (s *sessions) result() Sessions {
	s.counts.Distinct = len(s.seen.rows)
	return s.counts
}

// namer makes short names of session identifiers. They differ from run to run, so
// that they cannot be turned back into identifiers by trying.
type namer struct{ key []byte }

func newNamer() *namer {
	n := &namer{key: make([]byte, 32)}
	_, _ = rand.Read(n.key) // never fails
	return n
}

// session is the name of a session identifier, the same within one run.
func (n *namer) session(id []byte) string {
	mac := hmac.New(sha256.New, n.key)
	mac.Write(id)
	return hex.EncodeToString(mac.Sum(nil))[:6]
}

// leastID is the length from which an identifier is replaced in other texts: a short one may
// be a word of them.
const leastID = 16

func isID(id string) bool { return len(id) >= leastID && strings.ContainsAny(id, "0123456789") }

// replacer replaces identifiers of sessions by their names.
func (n *namer) replacer(ids iter.Seq[string]) *strings.Replacer {
	var pairs []string
	for _, id := range slices.Sorted(ids) {
		if isID(id) {
			pairs = append(pairs, id, n.session([]byte(id)))
		}
	}
	return strings.NewReplacer(pairs...)
}

// clientOf returns the user of an entry, else its session, else its address.
func (n *namer) clientOf(e *input.Entry) string {
	switch {
	case len(e.User) > 0:
		return text(e.User)
	case len(e.Session) > 0:
		return "session " + n.session(e.Session)
	case len(e.Address) > 0:
		return text(e.Address)
	}
	return "(unknown)"
}
