// Package flame turns the inputs of mcpdiag flame into one profile and the profile
// into results.
//
// A [Collector] reads inputs of any kind: snapshots go to package fold, profiles to
// package read of internal/stacks. The [Profile] that it returns can be filtered
// ([Profile.Reshape]) and compared ([Profile.Compare]). Package rules finds
// patterns in it, package picture draws it, and [Result] is everything about it
// for text, JSON and the formats of package finding.
package flame
