// Package judge decides from the evidence of a leak test whether a server leaks.
// It does no I/O.
//
// A [Phase] is one kind of load with its [Evidence]: the settled readings after
// each [Round], failures, and other explanations of growth. [Phase.Judge] applies
// one ordered list of rules; the first that applies gives the [Judgement], and none
// changes the verdict of another. [Summarize] combines the phases of a run into one
// verdict and headline, [CheckBudgets] and [Compare] hold the rates against budgets
// and against an older run, and [CausesOf] gives advice.
package judge
