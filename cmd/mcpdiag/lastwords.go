package main

import (
	"github.com/mcpdiag/mcpdiag/internal/logs"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// lastErrorWidth is the width of a line of a server's log in a warning.
const lastErrorWidth = 300

// lastWords returns the last error in the end of the log of a server that mcpdiag
// started, and the known faults in it with their remedies.
func lastWords(of string, log []byte) []string {
	last, err := logs.LastWordsOf(log)
	if err != nil || !last.Failed {
		return nil
	}
	warnings := []string{"the " + of + "'s last error: " + report.Cell(last.Line, lastErrorWidth)}
	for _, advice := range last.Advice() {
		warnings = append(warnings, "known fault: "+advice)
	}
	return warnings
}
