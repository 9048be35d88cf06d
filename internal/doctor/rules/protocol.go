package rules

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// protocolRules are those of the protocol and of sessions. A lost session would
// break the rules of the protocol, so they come first.
func protocolRules() []Rule {
	entry := append(entryNeeds(), "auth.token_works")
	era := []string{"protocol.era"}
	kept := []string{"protocol.era", "session.header_lost", "session.affinity"}
	return []Rule{
		{ID: "stream.sse_format", Title: "event streams are well formed", Needs: entry, Fails: true, judge: judgeEvents, Reference: "HTML Standard: server-sent events"},
		{ID: "protocol.error200", Title: "errors that come with the status 200", Needs: entry, judge: judgeError200},
		{ID: "protocol.era", Title: "a handshake succeeds", shows: true, Needs: append(entry, "stream.sse_format"), Fails: true, judge: judgeEra, Reference: "MCP lifecycle"},
		{ID: "session.header_lost", Title: "the session id reaches the client", Needs: era, Fails: true, judge: judgeHeaderLost, Reference: "MCP transports: session management"},
		{ID: "session.affinity", Title: "the session is known on new connections", shows: true, Needs: kept[:2], Fails: true, judge: judgeAffinity, Reference: "MCP transports: session management"},
		{ID: "session.id", Title: "the session id is hard to guess", Needs: kept, Fails: true, judge: judgeSessionID, Reference: "MCP transports: session management"},
		{ID: "session.unknown", Title: "an unknown session is answered with 404", shows: true, Needs: kept, Fails: true, judge: judgeUnknownSession, Reference: "MCP transports: session management"},
		{ID: "session.delete", Title: "DELETE ends the session", shows: true, Needs: kept, Fails: true, judge: judgeDelete, Reference: "MCP transports: session management"},
		{ID: "protocol.versions", Title: "an unknown revision is answered with a known one", Needs: kept, Fails: true, judge: judgeVersions, Reference: "MCP lifecycle: version negotiation"},
		{ID: "protocol.version_header", Title: "a wrong MCP-Protocol-Version is refused, its absence is not", Needs: kept, Fails: true, judge: judgeVersionHeader, Reference: "MCP transports: protocol version header"},
		{ID: "protocol.initialized", Title: "notifications are answered with an empty 202", Needs: kept, Fails: true, judge: judgeInitialized, Reference: "MCP transports: sending messages"},
		{ID: "protocol.ids", Title: "ids come back as they were sent", Needs: kept, Fails: true, judge: judgeIDs, Reference: "JSON-RPC 2.0, section 5"},
		{ID: "protocol.errors", Title: "mistakes are answered with JSON-RPC errors", Needs: kept, Fails: true, judge: judgeErrors, Reference: "JSON-RPC 2.0, section 5.1"},
		{ID: "protocol.batch", Title: "batches are refused since 2025-06-18", Needs: kept, judge: judgeBatch, Reference: "MCP 2025-06-18: changes"},
		{ID: "protocol.caps", Title: "capabilities and listings agree", shows: true, Needs: kept, Fails: true, judge: judgeCaps, Reference: "MCP lifecycle: capability negotiation"},
	}
}

func judgeEra(f *facts.Facts) opinion {
	x, name := f.Entry(), f.ServerName()
	first := f.First("initialize")
	switch {
	case f.SpeaksModern() && first.Lacks() != "" && first.Lacks() != facts.LackTime: // http.coldstart is about that
		return unanswered(f, "protocol.era", "initialize, with which most clients begin,", first)
	case rejectedHandshake(f) != "":
		return fail("clients on the TypeScript SDK do not connect: %s", rejectedHandshake(f)).fix("let the answer to initialize be as the schema of MCP says; leave out members that have no value").saw(first)
	case errorSays(f.First("future version"), "already initialized"):
		return fail("only one client can connect: initialize of a second one is refused").fix("make a new transport for each session, as the examples of the SDK do").saw(f.First("future version"))
	case f.SpeaksLegacy() && f.SpeaksModern():
		return pass("%s and %s, %s", x.Message.Handshake().Version, facts.Modern, name)
	case f.SpeaksLegacy() && f.First("discover").Lacks() != "" && silence(f) == "":
		return warn("server/discover %s: newer clients begin with it", lacking(f, f.First("discover"))).fix("refuse unknown methods at once, with the JSON-RPC error -32601").saw(f.First("discover"))
	case f.SpeaksLegacy():
		return pass("%s, %s", x.Message.Handshake().Version, name)
	case f.SpeaksModern():
		return pass("%s, %s", facts.Modern, name)
	case f.SpeaksOldSSE():
		return warn("the server speaks only HTTP+SSE, which 2025-03-26 replaced").fix("offer Streamable HTTP as well").saw(f.First("oldsse"))
	case x.Kind() == facts.KindAuth:
		return skip("not asked: the server wants a token").flag("--token-file")
	case !x.WasSent():
		return notAsked(f)
	}
	o := fail("the server answers, but neither initialize nor server/discover succeeds")
	if x.Code() != 0 {
		o = fail("initialize is refused: %s", report.Cell(x.Message.Error.Message, maxSaid))
	}
	return o.fix("the error says why").saw(f.First("discover"), f.First("initialize"))
}

// maxSaid limits how much of the text of a server is in a headline.
const maxSaid = 120

// rejectedHandshake returns why clients on the official TypeScript SDK reject the answer to
// initialize, or "".
func rejectedHandshake(f *facts.Facts) string {
	m := f.First("initialize").Message
	if !f.SpeaksLegacy() || string(m.Result) == "null" { // or it is too large to keep
		return ""
	}
	return cmp.Or(m.Rejected, report.Cell(mcp.RejectedHandshake(m.Result), maxSaid))
}

// sessionless returns why the rules of sessions do not apply, and whether that is so.
func sessionless(f *facts.Facts) (opinion, bool) {
	switch {
	case !f.SpeaksLegacy() && f.SpeaksModern():
		return skip("%s has no sessions", facts.Modern), true
	case !f.SpeaksLegacy():
		return notAsked(f), true
	case f.Session == nil:
		return skip("the server keeps no sessions"), true
	}
	return opinion{}, false
}

// mentionsSession reports whether x is an error that asks for a session.
func mentionsSession(x *facts.Exchange) bool {
	return (x.Status == http.StatusBadRequest || x.Status == http.StatusNotFound) && strings.Contains(strings.ToLower(x.Body), "session")
}

// missesSession reports whether x has a session id and is refused as if it had none, in the words
// of the SDKs.
func missesSession(x *facts.Exchange) bool {
	return x.Sent[facts.SessionHeader] != "" && x.Probe != "unknown session" && x.Status == http.StatusBadRequest && noSession.MatchString(x.Body)
}

var noSession = regexp.MustCompile(`(?i)session[- ]?id( header)? (is )?(required|missing)|(missing|requires) (an? )?(mcp-)?session[- ]?id`)

// errorSays reports whether x is a JSON-RPC error with a word in its message.
func errorSays(x *facts.Exchange, word string) bool {
	return x.Message != nil && x.Message.Error != nil && strings.Contains(strings.ToLower(x.Message.Error.Message), word)
}

func judgeHeaderLost(f *facts.Facts) opinion {
	switch {
	case !f.SpeaksLegacy():
		return notAsked(f)
	case f.Session != nil:
		if i := slices.IndexFunc(f.Exchanges, missesSession); i >= 0 {
			return fail("the session id does not reach the server: it asks for one at a request that had it").
				fix("a proxy removes Mcp-Session-Id from requests: pass it in both directions").saw(f.Exchanges[i])
		}
		return pass("it does")
	}
	for _, x := range []*facts.Exchange{f.First("latency"), f.First("tools/list")} {
		if mentionsSession(x) || errorSays(x, "session") {
			return fail("the server wants a session id, but initialize gave none").fix("a proxy removes Mcp-Session-Id: pass it in both directions").saw(f.First("initialize"), x)
		}
	}
	return pass("the server keeps no sessions")
}

func judgeAffinity(f *facts.Facts) opinion {
	if o, none := sessionless(f); none {
		return o
	}
	noAnswer := func(x *facts.Exchange) bool { return x.Status == 0 }
	fresh := slices.DeleteFunc(f.Probe("new connection"), noAnswer)
	list := append(slices.DeleteFunc(f.Probe("latency"), noAnswer), fresh...)
	silent := slices.DeleteFunc(f.Probe("new connection"), func(x *facts.Exchange) bool { return x.Lacks() == "" })
	lost := slices.DeleteFunc(slices.Clone(list), func(x *facts.Exchange) bool { return x.Status != http.StatusNotFound && !mentionsSession(x) })
	switch {
	case len(silent) > 0 && len(silent) < len(f.Probe("new connection")) && silence(f) == "":
		return fail("%d of %d new connections get no answer: the first %s", len(silent), len(f.Probe("new connection")), lacking(f, silent[0])).
			fix("perhaps one of several replicas behind the address does not work: look at each").leads(toLogs).saw(silent...)
	case len(silent) > 0:
		return unanswered(f, "session.affinity", "ping on a new connection", silent[0])
	case len(lost) > 0:
		return fail("%d of %d requests of a session are answered as if the session did not exist", len(lost), len(list)).
			fix("more than one replica serves the address: route by the Mcp-Session-Id header, share the session store, or run without sessions").saw(lost...)
	case len(fresh) == 0:
		return notAsked(f)
	}
	return pass("kept on %s from here", report.Plural(int64(len(fresh)), "new connection"))
}

// guessable is the length below which a session id is short.
const guessable = 16

func judgeSessionID(f *facts.Facts) opinion {
	if o, none := sessionless(f); none {
		return o
	}
	switch s := f.Session; {
	case !s.Visible:
		return fail("the session id has characters that are not visible ASCII").fix("use a random UUID").saw(f.First("initialize"))
	case s.Shared:
		return warn("a second initialize got the same session id as the first: clients share their state and answers").fix("make a new random UUID at each initialize").saw(f.First("initialize"), f.First("future version"))
	case s.Sequential:
		return warn("session ids are numbers in sequence: anyone can guess those of others").fix("use a random UUID")
	case s.Length < guessable:
		return warn("the session id has only %s", report.Plural(int64(s.Length), "character")).fix("use a random UUID")
	}
	return pass("%s, visible ASCII", report.Plural(int64(f.Session.Length), "character"))
}

func judgeUnknownSession(f *facts.Facts) opinion {
	if o, none := sessionless(f); none {
		return o
	}
	x, after := f.First("unknown session"), f.First("after delete")
	switch {
	case x.Lacks() != "":
		return unanswered(f, "session.unknown", "a request with an unknown session", x)
	case x.Status == 0:
		return notAsked(f)
	case x.Status == after.Status && !x.OK() && x.Status != http.StatusNotFound:
		return skip("the same cause as session.delete").because("session.delete")
	case x.Status == http.StatusNotFound:
		return pass("unknown sessions get 404")
	case x.Status >= 500:
		return fail("an unknown session is answered with %d", x.Status).fix("answer 404: clients then open a new session").saw(x)
	case x.OK():
		return warn("an unknown session is accepted").fix("answer 404: clients then open a new session").saw(x)
	}
	return warn("an unknown session is answered with %d; clients wait for 404 to open a new one", x.Status).fix("answer 404").saw(x)
}

func judgeDelete(f *facts.Facts) opinion {
	if o, none := sessionless(f); none {
		return o
	}
	x, after := f.First("delete"), f.First("after delete")
	switch {
	case x.Status == 0 && x.WasSent():
		return warn("DELETE has no answer (%s)", x.Outcome()).fix("end the session and answer 200 or 204").saw(x)
	case after.Lacks() != "":
		return unanswered(f, "session.delete", "a request for a session that ended", after)
	case x.Status == 0:
		return notAsked(f)
	case f.Stopped != "" && (x.Status == http.StatusTooManyRequests || x.Status == http.StatusServiceUnavailable):
		return notAsked(f)
	case x.Status == http.StatusMethodNotAllowed, x.Status == http.StatusNotImplemented:
		return info("the server does not let clients end sessions (%d)", x.Status).saw(x)
	case !x.OK():
		return warn("DELETE is answered with %d", x.Status).fix("end the session and answer 200 or 204").saw(x)
	case after.Status == 0:
		return pass("DELETE is accepted")
	case after.Status == http.StatusNotFound:
		return pass("DELETE ends the session")
	case after.OK() && f.First("unknown session").OK():
		return skip("the same cause as session.unknown").because("session.unknown")
	case after.OK():
		return warn("the session goes on after DELETE: sessions pile up").fix("end it").leads(toLeaktest).saw(x, after)
	}
	return fail("for a session that ended the server answers %d instead of 404: clients do not open a new one, and fail until they are restarted", after.Status).fix("answer 404 for sessions that ended").saw(x, after)
}

func judgeVersions(f *facts.Facts) opinion {
	x := f.First("future version")
	got := x.Message.Handshake().Version
	switch {
	case x.Lacks() != "":
		return unanswered(f, "protocol.versions", "initialize with a revision of the future", x)
	case x.Status == 0:
		return notAsked(f)
	case !x.Result():
		return fail("initialize with a revision of the future is refused").fix("answer a revision that the server speaks: the client decides").saw(x)
	case got == "2099-01-01":
		return warn("the server claims to speak any revision").fix("answer a revision that the server speaks").saw(x)
	}
	return pass("answered with %s", got)
}

func judgeVersionHeader(f *facts.Facts) opinion {
	bad, none := f.First("bad version header"), f.First("no version header")
	switch {
	case bad.Lacks() != "":
		return unanswered(f, "protocol.version_header", "a request with a wrong MCP-Protocol-Version", bad)
	case none.Lacks() != "":
		return unanswered(f, "protocol.version_header", "a request without MCP-Protocol-Version", none).mildly()
	case bad.Status == 0:
		return notAsked(f)
	case bad.Status >= 500:
		return fail("a wrong MCP-Protocol-Version is answered with %d", bad.Status).fix("answer 400").saw(bad)
	case !none.OK() && none.Status != 0:
		return warn("without MCP-Protocol-Version requests are refused; clients of 2025-03-26 send none").fix("take it for 2025-03-26").saw(none)
	case bad.OK():
		return info("a wrong MCP-Protocol-Version is accepted").saw(bad)
	}
	return pass("refused (%d)", bad.Status)
}

func judgeInitialized(f *facts.Facts) opinion {
	x := f.First("initialized")
	switch {
	case x.Lacks() != "":
		return unanswered(f, "protocol.initialized", "the second message of each client (notifications/initialized)", x)
	case x.Status == 0, x.Status == http.StatusUnauthorized && !f.Credentials:
		return notAsked(f)
	case x.Status != http.StatusAccepted:
		return fail("the second message of each client (notifications/initialized) is answered with %d instead of an empty 202: several clients give up", x.Status).fix("answer 202 without a body").saw(x)
	case x.Size > 0:
		return fail("the second message of each client (notifications/initialized) is answered with a body instead of an empty 202: several clients give up").fix("answer 202 without a body").saw(x)
	case facts.ContentType(x.Header) != "" && x.Header.Get("Content-Length") != "0":
		return info("the empty answer has a Content-Type").saw(x)
	}
	return pass("202")
}

func judgeIDs(f *facts.Facts) opinion {
	asked, kept := false, pass("kept")
	for _, sent := range []struct {
		probe, id string
		value     any
	}{{"string id", `"mcpdiag-1"`, "mcpdiag-1"}, {"zero id", "0", 0.0}} {
		x := f.First(sent.probe)
		if x.Lacks() != "" {
			return unanswered(f, "protocol.ids", "ping with the id "+sent.id, x)
		}
		if x.Status == 0 || x.Status == http.StatusUnauthorized && !f.Credentials {
			continue
		}
		asked = true
		got := x.Message.TextID()
		var value any
		if json.Unmarshal([]byte(got), &value) != nil || value != sent.value {
			return fail("the id %s does not come back", sent.id).fix("send ids back with their type and value").saw(x).noted("id in the answer: " + got)
		}
		if got != sent.id {
			kept = info("the id %s comes back in another form: %s", sent.id, report.Cell(got, 20))
		}
	}
	if !asked {
		return notAsked(f)
	}
	return kept
}

func judgeErrors(f *facts.Facts) opinion {
	unknown, broken, modernUnknown := f.First("unknown method"), f.First("bad JSON"), f.First("modern unknown method")
	announced := f.Entry().Message.Handshake().Capabilities
	for _, what := range []string{"prompts", "resources"} {
		if x := f.First(what + "/list"); announced[what] == nil && x.Lacks() != "" {
			return unanswered(f, "protocol.errors", "an unknown method ("+what+"/list)", x)
		}
	}
	var refused []*facts.Exchange
	for _, x := range []*facts.Exchange{unknown, modernUnknown} {
		switch {
		case x.Lacks() != "":
			return unanswered(f, "protocol.errors", "an unknown method", x)
		case x.Status == 0:
		case x.Status >= 500 || x.Code() == 0 && x.OK():
			return fail("an unknown method is answered with %d instead of a JSON-RPC error", x.Status).fix("answer with the JSON-RPC error -32601").saw(x)
		case x.Code() == 0:
			refused = append(refused, x) // HTTP allows it, and the client sees that it failed
		case x.Code() != mcp.CodeMethodNotFound:
			return warn("an unknown method is not answered with the error -32601").fix("answer -32601: clients find out by it which methods there are").saw(x)
		}
	}
	switch {
	case unknown.Status == 0 && modernUnknown.Status == 0:
		return notAsked(f)
	case broken.Lacks() != "":
		return unanswered(f, "protocol.errors", "broken JSON", broken).mildly()
	case broken.Status >= 500:
		return fail("broken JSON is answered with %d", broken.Status).fix("answer 400 with the JSON-RPC error -32700").saw(broken)
	case broken.OK() && broken.Code() == 0:
		return warn("broken JSON is accepted").fix("answer 400 with the JSON-RPC error -32700").saw(broken)
	case len(refused) > 0:
		return info("an unknown method is refused with %d, without a JSON-RPC error", refused[0].Status).saw(refused...)
	}
	return pass("as specified")
}

func judgeCaps(f *facts.Facts) opinion {
	var have []string
	worst := opinion{}
	announced := f.Entry().Message.Handshake().Capabilities
	for _, what := range []string{"tools", "prompts", "resources"} {
		x := f.First(what + "/list")
		_, claims := announced[what]
		if claims {
			have = append(have, what)
		}
		switch {
		case claims && what != "tools" && x.Lacks() != "":
			return unanswered(f, "protocol.caps", what+"/list", x)
		case x.Status == 0:
		case claims && x.Code() == mcp.CodeMethodNotFound:
			return fail("%s are announced, but %s/list does not exist", what, what).fix("announce only what there is").saw(x)
		case !claims && x.Result() && !isEmptyList(x.Message.Result, what):
			worst = warn("%s can be listed but are not announced: clients will not ask", what).fix("announce the capability " + what).saw(x)
		}
	}
	if worst.Severity == finding.Warn {
		return worst
	}
	if x := f.First("tools/list"); x.Status == 0 {
		return unknown(f, x)
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
