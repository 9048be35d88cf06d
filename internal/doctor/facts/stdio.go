package facts

// Minimal is a second start of a command, with the short environment that hosts with a
// window give it.
type Minimal struct {
	Path     string `json:"path"`
	Answered bool   `json:"answered"` // initialize
	Failed   string `json:"failed,omitempty"`
	Stderr   string `json:"stderr,omitempty"`
}

// Stdio holds the observations of a server that is a command.
type Stdio struct {
	Command  string   `json:"command"` // without secrets
	NoStart  string   `json:"no_start,omitempty"`
	Answered bool     `json:"answered"`          // initialize
	StartMs  float64  `json:"start_ms"`          // until then, or until doctor gave up
	Ports    []int    `json:"ports,omitempty"`   // TCP ports on which it listened instead
	HTTP     string   `json:"http,omitempty"`    // the address at which it spoke MCP instead
	Ended    string   `json:"ended,omitempty"`   // how it ended, before doctor ended it
	Said     string   `json:"said,omitempty"`    // its last error on standard error
	Foreign  string   `json:"foreign,omitempty"` // first line on standard output that is not JSON
	LineNo   int      `json:"line_no,omitempty"` // its number
	Printed  []string `json:"printed,omitempty"` // the first lines that are not JSON
	Blank    int      `json:"blank_lines,omitempty"`
	Stderr   string   `json:"stderr,omitempty"` // its last lines
	ExitMs   float64  `json:"exit_ms,omitempty"`
	Stuck    bool     `json:"stuck,omitempty"` // it went on after its input ended
	Minimal  *Minimal `json:"minimal,omitempty"`
}

// MethodStdio stands for the method of HTTP in an exchange over standard streams.
const MethodStdio = "stdio"
