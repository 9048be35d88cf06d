package leaktest

import (
	"bytes"
	"errors"
	"fmt"
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
	return fmt.Errorf("%w; %s; all that it said is in %s", err, words, o.path(o.files.Server))
}

// complaint is the last that the command complained of, "" where it did not.
func (o *folder) complaint() string {
	words := o.lastWords()
	if !complaint.MatchString(strings.TrimPrefix(words, "it said: ")) {
		return ""
	}
	return words
}

// lastWords is what of its log is likely to say why a server ended.
func (o *folder) lastWords() string {
	if o.server == nil {
		return ""
	}
	data, err := os.ReadFile(o.server.Name())
	if err != nil || len(bytes.TrimSpace(data)) == 0 {
		return ""
	}
	return "it said: " + report.Cell(lastWords(data), 200)
}

// complaint is how a line begins that says what went wrong, whatever the language.
var complaint = regexp.MustCompile(`(?i)^\s*[\w.: \[\]-]{0,60}(error|exception|panic|fatal)[\w ]*[:\]]`)

// lastWords is the last line of a log that complains, or else the last one.
func lastWords(log []byte) string {
	last := ""
	for line := range strings.Lines(string(log[max(0, len(log)-64<<10):])) {
		line = strings.TrimSpace(line)
		if line != "" && (last == "" || complaint.MatchString(line) || !complaint.MatchString(last)) {
			last = line
		}
	}
	return last
}
