// Package rules looks for patterns in stacks that deserve attention: plateaus, tall
// stacks, recursion, and frames whose names reveal input and output, JSON,
// regular expressions, databases or locks. Of a trace it also reports calls that
// never ended, that repeat, that are stuck, and queues behind a single call.
//
// [Find] applies all rules. The meaning of each finding and the advice about it are in
// assets/findings.json, with the tables of names.
package rules
