// Package checks is shared by the checks of all kinds of servers: findings, clocks, labels.
package checks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// ConnectTime is the deadline of connecting and logging in.
const ConnectTime = 3 * time.Second

// List collects the findings of one server.
type List struct {
	Group    string
	Only     func(id string) bool // the checks that are wanted
	Findings []finding.Finding
}

// Add adds a finding.
func (l *List) Add(id string, s finding.Severity, hint string, evidence []string, format string, args ...any) {
	l.Findings = append(l.Findings, finding.Finding{ID: id, Group: l.Group, Severity: s, Summary: fmt.Sprintf(format, args...), Evidence: finding.Observations(evidence), Hint: hint})
}

// Found adds a pass if nothing was found since there were n findings.
func (l *List) Found(n int, id, format string, args ...any) {
	if len(l.Findings) == n {
		l.Add(id, finding.Pass, "", nil, format, args...)
	}
}

// Check is one check of a server.
type Check struct {
	ID  string
	Run func(ctx context.Context, id string) error
}

// Run makes the checks that are wanted. A check that cannot be made is skipped, with the
// right that is missing if that is the reason.
func (l *List) Run(ctx context.Context, all []Check) {
	for _, check := range all {
		if !l.Only(check.ID) {
			continue
		}
		err := check.Run(ctx, check.ID)
		if missing, ok := errors.AsType[*MissingRightError](err); ok {
			l.Add(check.ID, finding.Skip, "", nil, "missing right: %s", missing.Right)
		} else if err != nil {
			l.Add(check.ID, finding.Skip, "", nil, "not checked: %s", report.Cell(err.Error(), 200))
		}
	}
}

// MissingRightError says that the user may not make a check.
type MissingRightError struct{ Right string } // as an administrator would grant it

func (e *MissingRightError) Error() string { return "missing right: " + e.Right }

// Wait waits for the interval between two readings; false means that ctx ended first.
func Wait(ctx context.Context, interval time.Duration) bool {
	select {
	case <-time.After(interval):
		return true
	case <-ctx.Done():
		return false
	}
}

// Bounds of the difference between the clock of a server and that of this machine.
const (
	skewWarn = time.Minute
	skewFail = 5 * time.Minute
)

// Clock judges how far the clock of a server is off.
func (l *List) Clock(id string, skew time.Duration) {
	text := "within a second of this machine"
	switch {
	case skew >= time.Second:
		text = report.Duration(skew) + " ahead of this machine"
	case skew <= -time.Second:
		text = report.Duration(-skew) + " behind this machine"
	}
	l.Add(id, finding.Graded(max(skew, -skew), skewWarn, skewFail), "one of the two clocks is wrong: compare both with timedatectl. Signatures, tokens and silences depend on them", nil, "the clock of the server is %s", text)
}
