// Package read reads the files of profilers into stacks.
//
// [Detect] recognizes a format by the content of a file, never by its name.
// [Profile] reads an input of any format: it undoes compression and byte order
// marks, and picks one of several profiles in a file. Each format has a file of
// its own with one reader; to add a format, add its constant and its mark to
// detect.go and its reader to the table in read.go.
package read
