package logs

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

//go:embed signatures.json
var signaturesJSON []byte

// Signature is a known fault, recognized by words in a line.
type Signature struct {
	ID      string   `json:"id"`
	All     []string `json:"all"`           // each must be in the line, in lower case
	Any     []string `json:"any,omitempty"` // one must be, if there are some
	None    []string `json:"none,omitempty"`
	Pattern string   `json:"pattern,omitempty"`
	Title   string   `json:"title"`
	Cause   string   `json:"cause"`
	Remedy  string   `json:"remedy"`
	Next    string   `json:"next,omitempty"`
	Warn    bool     `json:"warn,omitempty"` // a warning, no failure

	// Examples of lines: the first has the fault, the second only looks like it.
	Positive string `json:"positive"`
	Negative string `json:"negative"`

	all, any, none wordSet // of the lexicon
	pattern        *regexp.Regexp
}

// SignatureRow is a known fault that was found.
type SignatureRow struct {
	ID     string    `json:"id"`
	Title  string    `json:"title"`
	Cause  string    `json:"cause"`
	Remedy string    `json:"remedy"`
	Next   string    `json:"next_command,omitempty"`
	Warn   bool      `json:"warn,omitempty"`
	Count  int64     `json:"count"`
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
	Line   string    `json:"line"` // the first
	Place  string    `json:"place"`
}

// Signatures returns the known faults.
func Signatures() ([]Signature, error) {
	var list []Signature
	if err := json.Unmarshal(signaturesJSON, &list); err != nil {
		return nil, fmt.Errorf("reading the signatures: %w", err)
	}
	for i := range list {
		if list[i].Pattern == "" {
			continue
		}
		var err error
		if list[i].pattern, err = regexp.Compile(list[i].Pattern); err != nil {
			return nil, fmt.Errorf("signature %s: %w", list[i].ID, err)
		}
	}
	return list, nil
}

// matches reports whether a line with these words has the fault.
func (s *Signature) matches(line []byte, words *wordSet) bool {
	return words.all(&s.all) && (len(s.Any) == 0 || words.any(&s.any)) && !words.any(&s.none) && (s.pattern == nil || s.pattern.Match(line))
}

// maxSearched is how much of a line is searched for known faults.
const maxSearched = 4096

// signatureTable counts known faults.
type signatureTable struct {
	lexicon *lexicon
	rows    []signatureCount
}

type signatureCount struct {
	occurrences

	line  string
	place string // of the first
}

// hosts are the wrappers of hosts, which write faults of servers as routine messages.
const hosts = logline.ClaudeDesktop | logline.VSCode | logline.ClaudeCode

// add looks for known faults in an entry that may have one: routine messages below
// a warning are not searched, except those of hosts, which may be copied without their time.
func (t *signatureTable) add(e *input.Entry) {
	ofHost := e.Wrappers&hosts != 0 || e.Format == logline.Stamped && e.Time.Missing == logline.NoStamp
	if e.Level != logline.NoLevel && e.Level < logline.Warn && !ofHost && e.RPC.Kind == logline.NoRPC && !isError(e) {
		return
	}
	if e.RPC.Kind == logline.Request || e.RPC.Kind == logline.Response && !e.RPC.IsError {
		return
	}
	line := e.Raw[:min(len(e.Raw), maxSearched)]
	var words wordSet
	t.lexicon.find(line, &words)
	t.lexicon.find(e.Stack[:min(len(e.Stack), maxSearched)], &words)
	if words == (wordSet{}) {
		return
	}
	for i := range t.lexicon.signatures {
		if t.lexicon.signatures[i].matches(line, &words) {
			t.count(i, e)
		}
	}
}

func (t *signatureTable) count(i int, e *input.Entry) {
	if t.rows == nil {
		t.rows = make([]signatureCount, len(t.lexicon.signatures))
	}
	row := &t.rows[i]
	if row.count == 0 {
		row.line, row.place = text(e.Raw), place(e)
	}
	row.add(e)
}

func (t *signatureTable) result() []SignatureRow {
	rows := []SignatureRow{}
	for i, c := range t.rows {
		if c.count == 0 {
			continue
		}
		s := t.lexicon.signatures[i]
		rows = append(rows, SignatureRow{
			ID: s.ID, Title: s.Title, Cause: s.Cause, Remedy: s.Remedy, Next: s.Next, Warn: s.Warn, Count: c.count,
			First: timeOf(c.first), Last: timeOf(c.last), Line: c.line, Place: c.place,
		})
	}
	return rows
}

// sentence makes a sentence of a cause or a remedy.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}
