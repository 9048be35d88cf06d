package process

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

const tailLines = 6

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

// Last returns the last lines as one line, without the frames of a stack trace.
func (t *Tail) Last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(t.text)) {
		if line = report.Line(strings.TrimSpace(line)); line != "" && !strings.HasPrefix(line, "at ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-tailLines):], " / ")
}
