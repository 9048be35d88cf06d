package facts

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// CheckEvents checks the form of an event stream. It returns faults that lose
// messages, and those that some clients do not forgive. ended is whether the stream
// ended, so that its last event must be complete.
func CheckEvents(body []byte, ended bool) (broken, odd []string) {
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		body, odd = body[3:], append(odd, "it begins with a byte order mark")
	}
	windows := bytes.Count(body, []byte("\r\n"))
	if all := bytes.Count(body, []byte("\n")); windows > 0 && windows < all {
		odd = append(odd, "its lines end in \\r\\n as well as in \\n")
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(body))
	data := false // of an event that is not complete
	for line := range strings.Lines(text) {
		whole := strings.HasSuffix(line, "\n")
		name, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		switch {
		case line == "\n":
			data = false
		case !whole && !ended: // the rest was not read
		case strings.HasPrefix(line, "{") || strings.HasPrefix(line, `"`):
			broken = append(broken, "a line of a message does not begin with data: "+report.Cell(report.RedactText(line), 60))
		case !slices.Contains([]string{"", "data", "event", "id", "retry"}, name):
			odd = append(odd, fmt.Sprintf("it has a field %q", report.Cell(name, 20)))
		}
		data = data || name == "data"
	}
	if data && ended {
		broken = append(broken, "no blank line ends its last event, which clients then drop")
	}
	return broken[:min(len(broken), 3)], odd[:min(len(odd), 3)]
}
