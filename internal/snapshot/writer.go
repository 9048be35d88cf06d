package snapshot

import (
	"encoding/json"
	"fmt"
	"io"
)

// Writer writes a trace, one snapshot per line. Each line is one Write, so that two
// runs can append to one file, and a killed run loses at most one line.
type Writer struct {
	w    io.Writer
	line []byte
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes s: the document as the server sent it, if known, with s.Poll as its last
// member. It refuses a line that is longer than a Reader accepts.
func (w *Writer) Write(s *Snapshot) error {
	line, err := appendLine(w.line[:0], s)
	if err != nil {
		return err
	}
	w.line = line
	if len(line) > MaxLine {
		of := ""
		if s.Target() != "" {
			of = " of " + s.Target()
		}
		return fmt.Errorf("the snapshot%s has %d MiB, above the limit of a trace line, %d MiB", of, len(line)>>20, MaxLine>>20)
	}
	_, err = w.w.Write(line)
	return err
}

func appendLine(dst []byte, s *Snapshot) ([]byte, error) {
	if len(s.Raw) == 0 && !s.Failed() {
		doc, err := json.Marshal(s)
		return append(append(dst, doc...), '\n'), err
	}
	if s.Failed() {
		dst = append(dst, '{')
	} else {
		dst = append(dst, s.Raw[:len(s.Raw)-1]...) // without the closing brace
	}
	if s.Poll != nil {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		poll, err := json.Marshal(s.Poll)
		if err != nil {
			return dst, err
		}
		dst = append(append(dst, `"poll":`...), poll...)
	}
	return append(dst, "}\n"...), nil
}
