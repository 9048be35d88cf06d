package leaktest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/logs"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// said adds the last output of the command to err.
func (o *folder) said(err error) error {
	if _, ok := errors.AsType[*unreadyError](err); !ok {
		return err
	}
	last := o.lastWords()
	if last.Line == "" {
		return fmt.Errorf("%w; it wrote nothing", err)
	}
	return fmt.Errorf("%w; it said: %s; its whole output is in %s", err, lastSaid(last), o.path(o.files.Server))
}

// lastSaid returns a server's last line, and the known faults in its log with their remedies.
func lastSaid(last *logs.LastWords) string {
	parts := append([]string{report.Cell(last.Line, saidWidth)}, last.Advice()...)
	return strings.Join(parts, "; known fault: ")
}

// saidWidth is the width of a line of the server in a message.
const saidWidth = 200

// lastWords reads the end of the command's log.
func (o *folder) lastWords() *logs.LastWords {
	if o.server == nil {
		return &logs.LastWords{}
	}
	last, err := logs.LastWordsOf(endOf(o.server.Name()))
	if err != nil {
		return &logs.LastWords{}
	}
	return last
}

// logEnd is how much of the end of a log is read, in bytes.
const logEnd = 64 << 10

// endOf returns the end of a file, nothing if it cannot be read.
func endOf(name string) []byte {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // only read
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-logEnd), io.SeekStart) // a read error follows
	}
	data, _ := io.ReadAll(io.LimitReader(f, logEnd)) // the first part is better than nothing
	return data
}
