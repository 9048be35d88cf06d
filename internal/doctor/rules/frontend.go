package rules

// FrontEnd is the way in which a reader uses mcpdiag. The zero value is the command line.
type FrontEnd int

// Front ends.
const (
	CommandLine FrontEnd = iota
	Tools                // a caller of tools has no flags
)

// Text returns a text with the flag to which it refers.
func (e FrontEnd) Text(text, flag string) string {
	if flag == "" || e == Tools {
		return text
	}
	return text + " (" + flag + ")"
}

// step is the way on from a check: the command, and the tool or advice for a caller of tools.
type step struct{ command, tool string }

func (e FrontEnd) step(s step) string {
	if e == Tools {
		return s.tool
	}
	return s.command
}

// The steps.
var (
	toDeps     = step{"mcpdiag deps", "deps"}
	toLeaktest = step{"mcpdiag leaktest", "leaktest"}
	toLoadtest = step{"mcpdiag loadtest --find-knee", "loadtest"}
	toLogs     = step{"mcpdiag logs", "logs"}
	toMetrics  = step{"mcpdiag metrics", "metrics"}
	toProxy    = step{"mcpdiag proxy --to URL", "the user can put mcpdiag proxy before the server, which has a snapshot"}
	toSnapshot = step{"mcpdiag poll", "snapshot"}
	toToken    = step{"mcpdiag token FILE", "the user can look at the token with mcpdiag token"}
)

func toDoctor(address string) step { return step{"mcpdiag doctor " + address, "doctor"} }
