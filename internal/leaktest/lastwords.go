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

// said is err with what the command said before it happened.
func (o *folder) said(err error) error {
	if _, ok := errors.AsType[*unreadyError](err); !ok {
		return err
	}
	words := o.lastWords()
	if words == "" {
		return fmt.Errorf("%w; it said nothing", err)
	}
	return fmt.Errorf("%w; it said: %s; all that it said is in %s", err, words, o.path(o.files.Server))
}

// complained is the last that the command complained of, "" where it did not.
func (o *folder) complained() string {
	words := o.lastWords()
	if !complaint.MatchString(words) {
		return ""
	}
	return words
}

// lastWords is what of its log is likely to say why a server ended.
func (o *folder) lastWords() string {
	if o.server == nil {
		return ""
	}
	return report.Cell(telling(endOf(o.server.Name())), 200)
}

// logEnd is how much of a log is looked at, from its end, in bytes.
const logEnd = 64 << 10

// endOf is the end of a file, nothing where it cannot be read.
func endOf(name string) []byte {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // only read
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-logEnd), io.SeekStart) // or there is nothing to read
	}
	data, _ := io.ReadAll(io.LimitReader(f, logEnd))
	return data
}

// complaint is how a line begins that says what went wrong, whatever the language.
var complaint = regexp.MustCompile(`(?i)^\s*[\w.: \[\]-]{0,60}(error|exception|panic|fatal)[\w ]*[:\]]`)

// telling is the last line of a log that complains, or else the last one.
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
