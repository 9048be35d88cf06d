package logs

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// LastWords is the end of the log of a server that mcpdiag started.
type LastWords struct {
	Line   string         // its last error, else its last line; without secrets
	Failed bool           // Line is an error
	Faults []SignatureRow // the known faults in it
}

// memoryFaults are the known faults of processes that ran out of memory.
var memoryFaults = []string{"node.heap-limit", "process.oom-killed", "go.out-of-memory", "python.memory-error"}

// OutOfMemory reports whether the server says that memory ran out.
func (l *LastWords) OutOfMemory() bool {
	return slices.ContainsFunc(l.Faults, func(f SignatureRow) bool { return slices.Contains(memoryFaults, f.ID) })
}

// Advice returns a sentence for each known fault: its name, its cause and the remedy.
func (l *LastWords) Advice() []string {
	advice := make([]string, 0, len(l.Faults))
	for _, f := range l.Faults {
		advice = append(advice, fmt.Sprintf("%s. %s %s", f.Title, sentence(f.Cause), sentence(f.Remedy)))
	}
	return advice
}

// LastWordsOf reads the end of a log.
func LastWordsOf(log []byte) (*LastWords, error) {
	lex, err := theLexicon()
	if err != nil {
		return nil, err
	}
	last, table := &LastWords{}, signatureTable{lexicon: lex}
	var stats input.Stats
	source := input.FromReader("log", bytes.NewReader(log))
	err = input.Read(context.Background(), source, input.Options{Zone: time.UTC, Workers: 1}, &stats, func(e *input.Entry) error {
		table.add(e)
		if failed := isError(e); failed || !last.Failed {
			last.Line, last.Failed = errorLine(e), failed
		}
		return nil
	})
	last.Line = (&redactor{}).text(last.Line)
	last.Faults = table.result()
	return last, err
}

// errorLine is the line of an entry that names the error: of a Python traceback
// that is its last one.
func errorLine(e *input.Entry) string {
	if bytes.HasPrefix(e.Raw, []byte("Traceback ")) && len(e.ErrorType) > 0 {
		return text(e.ErrorType) + ": " + text(e.ErrorText)
	}
	return strings.TrimSpace(text(e.Raw))
}
