package logline

import "bytes"

// unwrapHost reads the lines of the hosts of MCP servers, without their time:
// Claude Desktop writes "[level] [server] text" or "[server] [level] text", VS Code
// and Cursor "[level] text". A JSON-RPC message in the text is the inner line.
func unwrapHost(rest []byte, s Stamp, r *Record) ([]byte, bool) {
	first, text, ok := cutBracket(rest)
	if !ok || len(first) > 100 {
		return nil, false
	}
	if isHostChannel(first) {
		r.stamp(s)
		r.Wrappers |= VSCode
		return cutTraffic(rest, r), true
	}
	level, wrapper := hostLevel(first), VSCode
	second, after, two := cutBracket(text)
	switch {
	case two && level != NoLevel && !isHostChannel(second):
		wrapper, r.Stream, text = ClaudeDesktop, second, after
	case two && level == NoLevel && hostLevel(second) != NoLevel:
		wrapper, r.Stream, level, text = ClaudeDesktop, first, hostLevel(second), after
	case level == NoLevel || s.Missing != NoZone, isNginxError(text):
		return nil, false
	}
	r.stamp(s)
	r.Level, r.Wrappers = level, r.Wrappers|wrapper
	return cutTraffic(bytes.TrimPrefix(text, []byte(": ")), r), true // winston writes "[level]: text"
}

// isNginxError reports whether text goes on as nginx's error log: "12#12: ".
func isNginxError(text []byte) bool {
	pid, rest, ok := bytes.Cut(text[:min(len(text), 40)], []byte("#"))
	tid, _, colon := bytes.Cut(rest, []byte(":"))
	return ok && colon && isDigits(pid) && isDigits(tid)
}

// hostLevel reads the lower-case levels of the hosts; padded ones are structlog's.
func hostLevel(word []byte) Level {
	if len(word) == 0 || word[0] < 'a' || word[len(word)-1] == ' ' {
		return NoLevel
	}
	return ParseLevel(word)
}

func isHostChannel(name []byte) bool {
	return bytes.Contains(name, []byte("->")) || string(name) == "server stderr" || bytes.HasSuffix(name, []byte(" Says"))
}

// cutBracket cuts "[name] " off the start of text.
func cutBracket(text []byte) (name, rest []byte, ok bool) {
	end := bytes.IndexByte(text, ']')
	if len(text) == 0 || text[0] != '[' || end < 2 {
		return nil, text, false
	}
	return text[1:end], bytes.TrimPrefix(text[end+1:], []byte(" ")), true
}

// traffic are the phrases in front of a JSON-RPC message or of a server's own line.
var traffic = []struct {
	prefix string
	side   Side
}{
	{"Message from client: ", Client}, {"Message from server: ", Server}, {"[editor -> server] ", Client}, {"[server -> editor] ", Server},
	{"[Client Says] ", Client}, {"[Server Says] ", Server}, {"[server stderr] ", UnknownSide},
	{"SSE -> Child: ", Client}, {"Child -> SSE: ", Server}, {"StreamableHttp -> Child: ", Client}, {"Child -> StreamableHttp: ", Server},
}

// cutTraffic removes such a phrase and the inspected object that Claude Desktop appends.
func cutTraffic(text []byte, r *Record) []byte {
	for _, t := range traffic {
		if rest, ok := bytes.CutPrefix(text, []byte(t.prefix)); ok {
			r.RPC.FromPeer = t.side
			text = rest
			break
		}
	}
	if i := bytes.LastIndex(text, []byte(" { metadata: ")); i >= 0 && bytes.HasSuffix(text, []byte(" }")) {
		text = text[:i]
	}
	return text
}

// readCursor reads the start and the end of a call, which Cursor's log gives without an id.
func readCursor(_ *Parser, line []byte, r *Record) bool {
	client, message, ok := bytes.Cut(line, []byte(": "))
	if r.Wrappers&VSCode == 0 || !ok || !isName(client) {
		return false
	}
	tool, called := calledTool(message)
	if !called && len(client) != 4 && !bytes.HasPrefix(client, []byte("user-")) && !bytes.HasPrefix(client, []byte("project-")) {
		return false
	}
	r.Session, r.Message, r.Format, r.Tool = client, message, Cursor, tool
	if _, text, ok := bytes.Cut(message, []byte("': ")); ok && called && r.Level >= Error {
		r.ErrorText = text
	}
	return true
}

// calledTool returns the tool that a line of Cursor is about.
func calledTool(message []byte) (tool []byte, ok bool) {
	for _, phrase := range [...]string{"Handling CallTool action for tool '", "Successfully called tool '", "Calling tool '", "Error calling tool '"} {
		if rest, ok := bytes.CutPrefix(message, []byte(phrase)); ok {
			tool, _, _ = bytes.Cut(rest, []byte("'"))
			return tool, true
		}
	}
	return nil, false
}
