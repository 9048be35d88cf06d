package logline

import "time"

// Record holds the fields of one line. Missing fields are empty.
type Record struct {
	Time      Stamp
	Level     Level
	Format    Format
	Wrappers  Wrappers
	Continues bool // the line belongs to the record before it
	Partial   bool // a wrapper says that the rest follows in its next line

	Inner   []byte // the line without its wrappers
	Stream  []byte // pod, container or server that a wrapper names
	Logger  []byte
	Message []byte
	Event   []byte // structured event name, such as authentication_failed

	Request, Session, User []byte
	Tool, Method           []byte // MCP tool, and JSON-RPC or HTTP method
	Endpoint               []byte
	Address                []byte // of the peer
	Status                 int    // HTTP status
	ErrorType, ErrorText   []byte
	Reason, Statement      []byte // why a client was refused; SQL text
	Stack                  []byte

	Duration     time.Duration // valid if HasDuration
	HasDuration  bool
	DurationUnit DurationUnit // how the number was read

	RPC RPC
}

// RPC is the JSON-RPC message that a line holds.
type RPC struct {
	Kind     Kind
	ID       []byte // as written, without quotes
	FromPeer Side   // the sender, if known
	Code     int64  // of an error
	IsError  bool   // a result with isError, or an error
	RefersTo []byte // the request that a cancellation names
}

// Kind is the kind of a JSON-RPC message.
type Kind uint8

// Kinds of JSON-RPC messages.
const (
	NoRPC Kind = iota
	Request
	Response
	Notification
)

// Side is the sender of a JSON-RPC message.
type Side uint8

// Senders of a JSON-RPC message.
const (
	UnknownSide Side = iota
	Client
	Server
)

// DurationUnit says which rule gave a duration its unit.
type DurationUnit uint8

// Rules for the unit of a duration, from the most certain.
const (
	NoDuration    DurationUnit = iota
	UnitInValue                // "532ms"
	UnitInKey                  // duration_ms
	UnitOfGo                   // integer nanoseconds: slog, logrus
	UnitOfZap                  // float seconds
	UnitOfPino                 // milliseconds
	UnitOfPython               // float seconds: structlog, python-json-logger, loguru
	UnitOfZerolog              // float milliseconds
	UnitOfSerilog              // float milliseconds
	UnitOfProxy                // nginx: seconds with three decimals; Traefik: integer nanoseconds; Envoy: milliseconds
	UnitGuessed                // milliseconds, for lack of anything better
	UnitGiven                  // by the user
)

var durationUnits = [...]string{
	NoDuration: "", UnitInValue: "unit in the value", UnitInKey: "unit in the key", UnitOfGo: "Go: integer nanoseconds",
	UnitOfZap: "zap: seconds", UnitOfPino: "pino: milliseconds", UnitOfPython: "Python: seconds",
	UnitOfZerolog: "zerolog: milliseconds", UnitOfSerilog: "Serilog: milliseconds", UnitOfProxy: "unit of the proxy", UnitGuessed: "assumed: milliseconds", UnitGiven: "as given",
}

func (u DurationUnit) String() string { return durationUnits[u] }

// Format is the innermost format of a line.
type Format uint8

// Formats of log lines.
const (
	Unknown Format = iota
	Blank
	JSON
	JSONRPC
	Logfmt
	PythonBasic
	PythonAsctime
	Rich
	StructlogConsole
	Loguru
	ZerologConsole
	Klog
	GoLog
	Tracing
	DotNet
	Spring
	NPMDebug
	MCPUse
	MorganDev
	Access
	Uvicorn
	Stamped // a time, perhaps a level, and text
	Redis
	Postgres
	NginxError
	NodeDeath
	GoPanic
	KubectlTop
	Cursor
	ErrorLine
	Tabbed
	Logrus
	Log4j
	Labelled // a level, a colon and text
	NLog
	Gin
	Nest
	Serilog
	MySQL
	HAProxy
	JavaLogging // two lines: the second has the level and the text
	RustPanic
	JournalExport // one field of a record
	Tornado
)

var formats = [...]string{
	Unknown: "not understood", Blank: "blank", JSON: "JSON", JSONRPC: "JSON-RPC", Logfmt: "logfmt", PythonBasic: "Python logging",
	PythonAsctime: "Python logging with time", Rich: "rich", StructlogConsole: "structlog console", Loguru: "loguru",
	ZerologConsole: "zerolog console", Klog: "klog", GoLog: "Go log", Tracing: "Rust tracing", DotNet: ".NET console", Spring: "Spring Boot",
	NPMDebug: "npm debug", MCPUse: "mcp-use", MorganDev: "morgan", Access: "access log", Uvicorn: "uvicorn", Stamped: "time and text",
	Redis: "Redis", Postgres: "PostgreSQL", NginxError: "nginx error log", NodeDeath: "Node crash", GoPanic: "Go panic",
	KubectlTop: "kubectl top", Cursor: "Cursor", ErrorLine: "error line",
	Tabbed: "tab-separated", Logrus: "logrus", Log4j: "log4j", Labelled: "level and text", NLog: "NLog",
	Gin: "Gin", Nest: "Nest", Serilog: "time and level in brackets",
	MySQL: "MySQL", HAProxy: "HAProxy", JavaLogging: "Java logging", RustPanic: "Rust panic", JournalExport: "journal",
	Tornado: "Tornado",
}

func (f Format) String() string { return formats[f] }

// Wrappers is a set of wrappers.
type Wrappers uint16

// Wrappers of log lines.
const (
	Docker Wrappers = 1 << iota
	CRI
	Kubectl
	Compose
	Stern
	Journal
	Syslog
	Supervisor
	ClaudeDesktop
	VSCode
	ClaudeCode
	Shipper
)

var wrapperNames = [...]string{
	"docker", "CRI", "kubectl", "compose", "stern", "journal", "syslog", "supervisor", "Claude Desktop", "VS Code", "Claude Code", "shipper",
}

// Names lists the wrappers of w, outermost kinds first.
func (w Wrappers) Names() []string {
	var names []string
	for i, name := range wrapperNames {
		if w&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
