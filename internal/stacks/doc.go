// Package stacks holds call stacks with weights, merged into a tree.
//
// A [Builder] merges stacks: each distinct frame under its parent is a [Node].
// [Builder.Tree] puts the nodes in order and adds up the weights. A [Profile] is a
// Builder together with its unit and the doubts about it. Package read makes a
// Profile of any profiler's file, package spans of recorded traces, and package
// write writes a Tree in the formats of other profilers.
package stacks
