// Package picture draws stacks as SVG: flame graphs ([SVG]), the calls of a trace
// in the order of time ([Chart]), and the callers and callees of one function
// ([Sandwich]).
//
// [Frames] lays out a tree as boxes. A picture is one file that loads nothing: it
// contains its style, its script (assets/) and its stacks, compressed, so that it
// can be read back. Without a script it is still the same picture.
package picture
