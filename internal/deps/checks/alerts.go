package checks

import (
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// AlertSeverity returns the severity of an alert that fires, by its label: a critical one
// is a failure.
func AlertSeverity(labels map[string]string) finding.Severity {
	switch strings.ToLower(labels["severity"]) {
	case "critical", "page", "emergency", "fatal":
		return finding.Fail
	case "none", "info", "informational": // such as Watchdog, which always fires
		return finding.Info
	}
	return finding.Warn
}

// Since writes a time with its zone.
func Since(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }
