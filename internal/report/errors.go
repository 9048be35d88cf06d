package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// Cause returns the cause of an error about a file, without the name of the file. Common causes
// have the same words on each system: those of Windows are in the language of the user.
func Cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return inWords(pathErr.Err)
	}
	if linkErr, ok := errors.AsType[*os.LinkError](err); ok {
		return inWords(linkErr.Err)
	}
	return err
}

// worded is an error with a text of its own.
type worded struct {
	error
	text string
}

func (w *worded) Error() string { return w.text }
func (w *worded) Unwrap() error { return w.error }

// inWords returns an error of Windows with the text that Unix has for it.
func inWords(err error) error {
	if runtime.GOOS != "windows" {
		return err
	}
	for kind, text := range map[error]string{fs.ErrNotExist: "no such file or directory", fs.ErrPermission: "permission denied", fs.ErrExist: "file exists"} {
		if errors.Is(err, kind) {
			return &worded{err, text}
		}
	}
	return err
}

// ErrorLines returns the text of err with one line for each error that is joined
// in it. Line breaks in the texts themselves, which may be foreign, are escaped.
func ErrorLines(err error) []string {
	switch e := err.(type) { //nolint:errorlint // the tree is walked node by node
	case interface{ Unwrap() []error }:
		var texts, lines []string
		for _, part := range e.Unwrap() {
			texts = append(texts, part.Error())
			lines = append(lines, ErrorLines(part)...)
		}
		if len(lines) > 0 && strings.Join(texts, "\n") == err.Error() {
			return lines
		}
	case interface{ Unwrap() error }:
		cause := e.Unwrap()
		if cause == nil {
			break
		}
		if prefix, ok := strings.CutSuffix(err.Error(), cause.Error()); ok {
			lines := ErrorLines(cause)
			lines[0] = Line(prefix + lines[0])
			return lines
		}
	}
	return []string{Line(strings.TrimSpace(err.Error()))}
}

// Rescue turns a panic into the error of the function that defers it, which reads bytes
// of others: no answer, whatever its bytes, ends mcpdiag.
func Rescue(err *error) {
	if fault := recover(); fault != nil {
		*err = fmt.Errorf("a fault in mcpdiag kept it from reading this (%v); please report it", fault)
	}
}
