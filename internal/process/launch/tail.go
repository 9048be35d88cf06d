package launch

import (
	"bytes"
	"strings"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Tail is a writer that keeps the last lines of a log, such as the standard error
// of a command. The zero value is ready.
type Tail struct {
	mu   sync.Mutex
	text []byte
}

// TailBytes is how much of a log a Tail keeps.
const TailBytes = 64 << 10

// Bounds of Last: lines, and columns of each.
const (
	tailLines = 6
	lineWidth = 300
)

// Write appends to the log.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-TailBytes):]...)
	t.text = t.text[max(0, len(t.text)-TailBytes):]
	return len(p), nil
}

// Bytes returns the end of the log.
func (t *Tail) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.text)
}

// Last returns the last lines as one line, without the frames of a stack trace and
// without secrets.
func (t *Tail) Last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.Lines(report.RedactText(string(t.text))) {
		if line = report.Cell(strings.TrimSpace(line), lineWidth); line != "" && !strings.HasPrefix(line, "at ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-tailLines):], " / ")
}
