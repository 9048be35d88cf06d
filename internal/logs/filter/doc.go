// Package filter selects entries of a log by a condition.
//
// [Parse] translates a condition into the language of github.com/expr-lang/expr, with
// errors that name the place, and compiles it; [Condition.Match] applies it to an entry.
package filter
