package doctor

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// protocolRules are those of the protocol and of sessions. A lost session would
// break the rules of the protocol, so they come first.
func protocolRules() []rule {
	entry := append(entryNeeds(), "auth.token_works")
	era := []string{"protocol.era"}
	kept := []string{"protocol.era", "session.header_lost", "session.affinity"}
	return []rule{
		{id: "stream.sse_format", title: "event streams are well formed", needs: entry, fails: true, judge: judgeEvents, reference: "HTML Standard: server-sent events"},
		{id: "protocol.error200", title: "errors that come with the status 200", needs: entry, judge: judgeError200},
		{id: "protocol.era", title: "a handshake succeeds", shows: true, needs: append(entry, "stream.sse_format"), fails: true, judge: judgeEra, reference: "MCP lifecycle"},
		{id: "session.header_lost", title: "the session id reaches the client", needs: era, fails: true, judge: judgeHeaderLost, reference: "MCP transports: session management"},
		{id: "session.affinity", title: "the session is known on new connections", shows: true, needs: kept[:2], fails: true, judge: judgeAffinity, reference: "MCP transports: session management"},
		{id: "session.id", title: "the session id is hard to guess", needs: kept, fails: true, judge: judgeSessionID, reference: "MCP transports: session management"},
		{id: "session.unknown", title: "an unknown session is answered with 404", shows: true, needs: kept, fails: true, judge: judgeUnknownSession, reference: "MCP transports: session management"},
		{id: "session.delete", title: "DELETE ends the session", shows: true, needs: kept, fails: true, judge: judgeDelete, reference: "MCP transports: session management"},
		{id: "protocol.versions", title: "an unknown revision is answered with a known one", needs: kept, fails: true, judge: judgeVersions, reference: "MCP lifecycle: version negotiation"},
		{id: "protocol.version_header", title: "a wrong MCP-Protocol-Version is refused, its absence is not", needs: kept, fails: true, judge: judgeVersionHeader, reference: "MCP transports: protocol version header"},
		{id: "protocol.initialized", title: "notifications are answered with an empty 202", needs: kept, fails: true, judge: judgeInitialized, reference: "MCP transports: sending messages"},
		{id: "protocol.ids", title: "ids come back as they were sent", needs: kept, fails: true, judge: judgeIDs, reference: "JSON-RPC 2.0, section 5"},
		{id: "protocol.errors", title: "mistakes are answered with JSON-RPC errors", needs: kept, fails: true, judge: judgeErrors, reference: "JSON-RPC 2.0, section 5.1"},
		{id: "protocol.batch", title: "batches are refused since 2025-06-18", needs: kept, judge: judgeBatch, reference: "MCP 2025-06-18: changes"},
		{id: "protocol.caps", title: "capabilities and listings agree", shows: true, needs: kept, fails: true, judge: judgeCaps, reference: "MCP lifecycle: capability negotiation"},
	}
}

func judgeEra(f *Facts) opinion {
	x, name := f.entry(), f.serverName()
	switch {
	case f.legacy() && f.modern():
		return pass("%s and %s, %s", x.Message.handshake().Version, modern, name)
	case f.legacy():
		return pass("%s, %s", x.Message.handshake().Version, name)
	case f.modern():
		return pass("%s, %s", modern, name)
	case f.oldSSE():
		return warn("the server speaks only HTTP+SSE, which 2025-03-26 replaced").fix("offer Streamable HTTP as well").saw(f.first("oldsse"))
	case x.kind() == kindAuth:
		return skip("not asked: the server wants a token (--token-file)")
	case !x.sent():
		return notAsked(f)
	}
	return fail("the server answers, but neither initialize nor server/discover succeeds").fix("the error says why").saw(f.first("discover"), f.first("initialize"))
}

// serverName returns the name that the server gives itself.
func (f *Facts) serverName() string {
	h := f.entry().Message.handshake()
	for _, info := range []serverInfo{h.Server, h.Meta.Server} {
		if name := info.String(); name != "" {
			return name
		}
	}
	return "without a name"
}

// sessionless returns why the rules of sessions do not apply, and whether that is so.
func sessionless(f *Facts) (opinion, bool) {
	switch {
	case !f.legacy() && f.modern():
		return skip("%s has no sessions", modern), true
	case !f.legacy():
		return notAsked(f), true
	case f.Session == nil:
		return skip("the server keeps no sessions"), true
	}
	return opinion{}, false
}

// mentionsSession reports whether x is an error that asks for a session.
func (x *Exchange) mentionsSession() bool {
	return (x.Status == http.StatusBadRequest || x.Status == http.StatusNotFound) && strings.Contains(strings.ToLower(x.Body), "session")
}

// errorSays reports whether x is a JSON-RPC error with a word in its message.
func (x *Exchange) errorSays(word string) bool {
	return x.Message != nil && x.Message.Error != nil && strings.Contains(strings.ToLower(x.Message.Error.Message), word)
}

func judgeHeaderLost(f *Facts) opinion {
	switch {
	case !f.legacy():
		return notAsked(f)
	case f.Session != nil:
		return pass("it does")
	}
	for _, x := range []*Exchange{f.first("latency"), f.first("tools/list")} {
		if x.mentionsSession() || x.errorSays("session") {
			return fail("the server wants a session id, but initialize gave none").fix("a proxy removes Mcp-Session-Id: pass it in both directions").saw(f.first("initialize"), x)
		}
	}
	return pass("the server keeps no sessions")
}

func judgeAffinity(f *Facts) opinion {
	if o, none := sessionless(f); none {
		return o
	}
	list := append(f.probe("latency"), f.probe("new connection")...)
	list = slices.DeleteFunc(list, func(x *Exchange) bool { return x.Status == 0 })
	lost := slices.DeleteFunc(slices.Clone(list), func(x *Exchange) bool { return x.Status != http.StatusNotFound && !x.mentionsSession() })
	switch {
	case len(list) == 0:
		return notAsked(f)
	case len(lost) > 0:
		return fail("%d of %d requests of a session are answered as if the session did not exist", len(lost), len(list)).
			fix("more than one replica serves the address: route by the Mcp-Session-Id header, share the session store, or run without sessions").saw(lost...)
	}
	return pass("kept on %d new connections from here", len(f.probe("new connection")))
}

// guessable is the length below which a session id is short.
const guessable = 16

func judgeSessionID(f *Facts) opinion {
	if o, none := sessionless(f); none {
		return o
	}
	switch s := f.Session; {
	case !s.Visible:
		return fail("the session id has characters that are not visible ASCII").fix("use a random UUID").saw(f.first("initialize"))
	case s.Sequential:
		return warn("session ids are numbers in sequence: anyone can guess those of others").fix("use a random UUID")
	case s.Length < guessable:
		return warn("the session id has only %s", report.Plural(int64(s.Length), "character")).fix("use a random UUID")
	}
	return pass("%s, visible ASCII", report.Plural(int64(f.Session.Length), "character"))
}

func judgeUnknownSession(f *Facts) opinion {
	if o, none := sessionless(f); none {
		return o
	}
	x, after := f.first("unknown session"), f.first("after delete")
	switch {
	case x.Status == 0:
		return notAsked(f)
	case x.Status == after.Status && !x.ok() && x.Status != http.StatusNotFound:
		return skip("the same cause as session.delete").because("session.delete")
	case x.Status == http.StatusNotFound:
		return pass("unknown sessions get 404")
	case x.Status >= 500:
		return fail("an unknown session is answered with %d", x.Status).fix("answer 404: clients then open a new session").saw(x)
	case x.ok():
		return warn("an unknown session is accepted").fix("answer 404: clients then open a new session").saw(x)
	}
	return warn("an unknown session is answered with %d; clients wait for 404 to open a new one", x.Status).fix("answer 404").saw(x)
}

func judgeDelete(f *Facts) opinion {
	if o, none := sessionless(f); none {
		return o
	}
	x, after := f.first("delete"), f.first("after delete")
	switch {
	case x.Status == 0:
		return notAsked(f)
	case x.Status == http.StatusMethodNotAllowed, x.Status == http.StatusNotImplemented:
		return info("the server does not let clients end sessions (%d)", x.Status).saw(x)
	case !x.ok():
		return warn("DELETE is answered with %d", x.Status).fix("end the session and answer 200 or 204").saw(x)
	case after.Status == 0:
		return pass("DELETE is accepted")
	case after.Status == http.StatusNotFound:
		return pass("DELETE ends the session")
	case after.ok() && f.first("unknown session").ok():
		return skip("the same cause as session.unknown").because("session.unknown")
	case after.ok():
		return warn("the session goes on after DELETE: sessions pile up").fix("end it").leads("mcpdiag leaktest").saw(x, after)
	}
	return fail("after DELETE the session is answered with %d instead of 404: clients do not open a new one", after.Status).fix("answer 404 for sessions that ended").saw(x, after)
}

func judgeVersions(f *Facts) opinion {
	x, h := f.first("future version"), f.first("initialize").Message.handshake()
	got := x.Message.handshake().Version
	switch {
	case f.legacy() && h.Version == "":
		return fail("the result of initialize has no protocolVersion").fix("name the revision").saw(f.first("initialize"))
	case x.Status == 0:
		return notAsked(f)
	case !x.result():
		return fail("initialize with a revision of the future is refused").fix("answer a revision that the server speaks: the client decides").saw(x)
	case got == "2099-01-01":
		return warn("the server claims to speak any revision").fix("answer a revision that the server speaks").saw(x)
	}
	return pass("answered with %s", got)
}

func judgeVersionHeader(f *Facts) opinion {
	bad, none := f.first("bad version header"), f.first("no version header")
	switch {
	case bad.Status == 0:
		return notAsked(f)
	case bad.Status >= 500:
		return fail("a wrong MCP-Protocol-Version is answered with %d", bad.Status).fix("answer 400").saw(bad)
	case !none.ok() && none.Status != 0:
		return warn("without MCP-Protocol-Version requests are refused; clients of 2025-03-26 send none").fix("take it for 2025-03-26").saw(none)
	case bad.ok():
		return info("a wrong MCP-Protocol-Version is accepted").saw(bad)
	}
	return pass("refused (%d)", bad.Status)
}

func judgeInitialized(f *Facts) opinion {
	x := f.first("initialized")
	switch {
	case x.Status == 0, x.Status == http.StatusUnauthorized && !f.Credentials:
		return notAsked(f)
	case x.Status != http.StatusAccepted:
		return fail("notifications/initialized is answered with %d: several clients give up", x.Status).fix("answer 202 without a body").saw(x)
	case x.Size > 0:
		return fail("notifications/initialized is answered with a body: several clients give up").fix("answer 202 without a body").saw(x)
	case contentType(x.Header) != "" && x.Header.Get("Content-Length") != "0":
		return info("the empty answer has a Content-Type").saw(x)
	}
	return pass("202")
}

func judgeIDs(f *Facts) opinion {
	asked := false
	for _, sent := range []struct{ probe, id string }{{"string id", `"mcpdiag-1"`}, {"zero id", "0"}} {
		x := f.first(sent.probe)
		if x.Status == 0 || x.Status == http.StatusUnauthorized && !f.Credentials {
			continue
		}
		asked = true
		if x.Message == nil || !bytes.Equal(bytes.TrimSpace(x.Message.ID), []byte(sent.id)) {
			return fail("the id %s does not come back", sent.id).fix("send ids back with their type and value").saw(x).noted("id in the answer: " + x.Message.id())
		}
	}
	if !asked {
		return notAsked(f)
	}
	return pass("kept")
}

// id returns the id of a message, which may be missing.
func (m *Message) id() string {
	if m == nil || len(m.ID) == 0 {
		return "none"
	}
	return string(m.ID)
}

func judgeErrors(f *Facts) opinion {
	unknown, broken, modernUnknown := f.first("unknown method"), f.first("bad JSON"), f.first("modern unknown method")
	var refused []*Exchange
	for _, x := range []*Exchange{unknown, modernUnknown} {
		switch {
		case x.Status == 0:
		case x.Status >= 500 || x.code() == 0 && x.ok():
			return fail("an unknown method is answered with %d instead of a JSON-RPC error", x.Status).fix("answer with the JSON-RPC error -32601").saw(x)
		case x.code() == 0:
			refused = append(refused, x) // HTTP allows it, and the client sees that it failed
		case x.code() != mcp.CodeMethodNotFound:
			return warn("an unknown method is not answered with the error -32601").fix("answer -32601: clients find out by it which methods there are").saw(x)
		}
	}
	switch {
	case unknown.Status == 0 && modernUnknown.Status == 0:
		return notAsked(f)
	case broken.Status >= 500:
		return fail("broken JSON is answered with %d", broken.Status).fix("answer 400 with the JSON-RPC error -32700").saw(broken)
	case broken.ok() && broken.code() == 0:
		return warn("broken JSON is accepted").fix("answer 400 with the JSON-RPC error -32700").saw(broken)
	case len(refused) > 0:
		return info("an unknown method is refused with %d, without a JSON-RPC error", refused[0].Status).saw(refused...)
	}
	return pass("as specified")
}

func judgeCaps(f *Facts) opinion {
	var have []string
	worst := opinion{}
	announced := f.entry().Message.handshake().Capabilities
	for _, what := range []string{"tools", "prompts", "resources"} {
		x := f.first(what + "/list")
		_, claims := announced[what]
		if claims {
			have = append(have, what)
		}
		switch {
		case x.Status == 0:
		case claims && x.code() == mcp.CodeMethodNotFound:
			return fail("%s are announced, but %s/list does not exist", what, what).fix("announce only what there is").saw(x)
		case !claims && x.result() && !isEmptyList(x.Message.Result, what):
			worst = warn("%s can be listed but are not announced: clients will not ask", what).fix("announce the capability " + what).saw(x)
		}
	}
	if worst.severity == finding.Warn {
		return worst
	}
	if f.first("tools/list").Status == 0 {
		return notAsked(f)
	}
	return pass("announces %s", joined(have))
}

func joined(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// isEmptyList reports whether the listing of a result has no entry.
func isEmptyList(result json.RawMessage, what string) bool {
	var all map[string]json.RawMessage
	var list []json.RawMessage
	return json.Unmarshal(result, &all) != nil || json.Unmarshal(all[what], &list) != nil || len(list) == 0
}
