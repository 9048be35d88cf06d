package redis

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

// right returns the right that a command needs, as ACL SETUSER has it.
func (c command) right() string {
	return map[command]string{
		ping: "+ping", info: "+info", setName: "+client|setname", clientList: "+client|list", slowLog: "+slowlog|get", latencyLatest: "+latency|latest",
		configGet: "+config|get", scan: "+scan", ttl: "+ttl %R~*", typeOf: "+type %R~*", get: "(+get %R~rate_limit:*)", zcard: "(+zcard %R~rate_limit:*)",
	}[c]
}
