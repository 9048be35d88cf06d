package redis

import "strings"

// command is one of the commands that may be sent.
type command int

// Commands. session sends no others; MONITOR shows it in the tests. AUTH and SELECT are
// sent by the client library before them.
const (
	ping command = iota
	info
	setName
	clientList
	slowLog
	latencyLatest
	configGet
	scan
	ttl
	typeOf
	get
	zcard
)

// words are the commands with their fixed arguments. Keys and patterns follow them.
var words = map[command][]string{
	ping:          {"PING"},
	info:          {"INFO"},
	setName:       {"CLIENT", "SETNAME", "mcpdiag"},
	clientList:    {"CLIENT", "LIST"},
	slowLog:       {"SLOWLOG", "GET", "128"},
	latencyLatest: {"LATENCY", "LATEST"},
	configGet:     {"CONFIG", "GET"},
	scan:          {"SCAN"},
	ttl:           {"TTL"},
	typeOf:        {"TYPE"},
	get:           {"GET"},
	zcard:         {"ZCARD"},
}

// right returns the right that a command needs, as ACL SETUSER has it; limits is the
// pattern of the keys of rate limits, the only keys whose values are read.
func (c command) right(limits string) string {
	switch name := strings.ToLower(words[c][0]); c {
	case setName, clientList, slowLog, latencyLatest, configGet:
		return "+" + name + "|" + strings.ToLower(words[c][1])
	case ttl, typeOf:
		return "+" + name + " %R~*"
	case get, zcard:
		return "(+" + name + " %R~" + limits + ")"
	default:
		return "+" + name
	}
}
