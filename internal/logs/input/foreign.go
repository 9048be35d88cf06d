package input

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// errNotALog is the error for a document that is no log.
var errNotALog = errors.New("it is not a log")

// documents are the beginnings of documents in which lines are no log lines.
var documents = []struct{ begins, name string }{
	{"\x7fELF", "a program"}, {"MZ", "a program"}, {"\xcf\xfa\xed\xfe", "a program"}, {"\xca\xfe\xba\xbe", "a program"},
	{"\x89PNG", "a picture"}, {"\xff\xd8\xff", "a picture"}, {"<svg", "a picture"}, {"%PDF", "a PDF document"}, {"PK\x03\x04", "a ZIP archive"},
	{"<!doctype html", "an HTML page"}, {"<html", "an HTML page"}, {"SQLite format 3\x00", "a database"},
}

// refuseDocuments returns an error if r begins like a document that is no log.
func refuseDocuments(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	_, _ = b.Peek(1) // an error comes again with the next read
	head, _ := b.Peek(min(b.Buffered(), 1<<12))
	start := bytes.ToLower(bytes.TrimLeft(head, " \t\r\n"))
	for _, d := range documents {
		if bytes.HasPrefix(start, bytes.ToLower([]byte(d.begins))) && (d.begins != "MZ" || bytes.IndexByte(head, 0) >= 0) {
			return nil, fmt.Errorf("%w but %s", errNotALog, d.name)
		}
	}
	if bytes.HasPrefix(start, []byte("<?xml")) && bytes.Contains(start, []byte("<svg")) {
		return nil, fmt.Errorf("%w but a picture", errNotALog)
	}
	return b, nil
}
