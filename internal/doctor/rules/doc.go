// Package rules is the table of the checks: each [Rule] has a stable id and a pure
// function of the facts, whose outcome is a [Check]. Rules that need a failed one are
// skipped, and name the check that is the cause.
package rules
