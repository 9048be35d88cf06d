package leaktest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// said adds the last output of the command to err.
func (o *folder) said(err error) error {
	if _, ok := errors.AsType[*unreadyError](err); !ok {
		return err
	}
	words := o.lastWords()
	if words == "" {
		return fmt.Errorf("%w; it wrote nothing", err)
	}
	return fmt.Errorf("%w; it said: %s; its whole output is in %s", err, words, o.path(o.files.Server))
}

// complained returns the last complaint of the command, or "".
func (o *folder) complained() string {
	words := o.lastWords()
	if !complaint.MatchString(words) {
		return ""
	}
	return words
}

// lastWords returns the line of the log that is likely to say why the server ended.
func (o *folder) lastWords() string {
	if o.server == nil {
		return ""
	}
	return report.Cell(telling(endOf(o.server.Name())), 200)
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

// complaint matches the beginning of a line that reports an error, in any language.
var complaint = regexp.MustCompile(`(?i)^\s*[\w.: \[\]-]{0,60}(error|exception|panic|fatal)[\w ]*[:\]]`)

// memoryRanOut matches the complaint of a runtime that ran out of memory.
var memoryRanOut = regexp.MustCompile(`(?i)out of memory|heap limit|outofmemory|memoryerror|cannot allocate memory`)

// telling returns the last complaint in a log, or else its last line.
func telling(log []byte) string {
	last := ""
	for line := range strings.Lines(string(log)) {
		line = strings.TrimSpace(line)
		if line != "" && (last == "" || complaint.MatchString(line) || !complaint.MatchString(last)) {
			last = line
		}
	}
	return last
}
