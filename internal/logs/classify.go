package logs

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/logs/template"
)

// isError reports whether an entry is about something that failed, also where HTTP
// called it a success: a JSON-RPC error, or a result with isError.
func isError(e *input.Entry) bool {
	return e.Level >= logline.Error || e.Status >= 500 || e.RPC.IsError
}

// appendEndpoint appends the name of an entry's subject: a tool, an HTTP path,
// or a JSON-RPC method.
func appendEndpoint(dst []byte, e *input.Entry) []byte {
	switch {
	case len(e.Tool) > 0:
		return append(append(dst, "tool "...), e.Tool...)
	case len(e.Endpoint) > 0:
		return append(dst, e.Endpoint...)
	case e.RPC.Kind != logline.NoRPC:
		return append(dst, e.Method...)
	}
	return dst
}

// dimensions are the names that --by takes, and the part of an entry that each counts by.
var dimensions = map[string]func(dst []byte, e *input.Entry) []byte{
	"endpoint": appendEndpoint,
	"tool":     func(dst []byte, e *input.Entry) []byte { return append(dst, e.Tool...) },
	"user":     func(dst []byte, e *input.Entry) []byte { return append(dst, e.User...) },
	"stream":   func(dst []byte, e *input.Entry) []byte { return append(dst, e.Stream...) },
	"source":   func(dst []byte, e *input.Entry) []byte { return append(dst, e.Source.Name...) },
}

// Dimensions returns the names that Options.By may have.
func Dimensions() []string { return slices.Sorted(maps.Keys(dimensions)) }

// maxText is the length of a name or message that is kept.
const maxText = 300

// text copies a field, cut to a bounded length.
func text(field []byte) string { return string(field[:min(len(field), maxText)]) }

// said is the text of an entry in lower case: event, message, error and error type.
type said []byte

// appendSaid appends the texts of an entry in lower case.
func appendSaid(dst said, e *input.Entry) said {
	for _, field := range [...][]byte{e.Event, e.Message, e.ErrorText, e.ErrorType} {
		for _, c := range field[:min(len(field), maxSaid)] {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
		}
		dst = append(dst, 0)
	}
	return dst
}

// maxSaid is how much of a text is searched for words.
const maxSaid = 500

// any reports whether one of words, which are in lower case, was said.
func (s said) any(words []string) bool { return s.first(words) != "" }

// first returns the first of words that was said.
func (s said) first(words []string) string {
	for _, word := range words {
		if bytes.Contains(s, []byte(word)) {
			return word
		}
	}
	return ""
}

// topics are the subjects that an entry's words are about.
type topics uint8

const (
	aboutAuth topics = 1 << iota
	aboutLimit
	aboutSession
	aboutDatabase
)

func topicsOf(s said) topics {
	var found topics
	for _, t := range [...]struct {
		topic topics
		words [][]string
	}{
		{aboutAuth, [][]string{authWords}}, {aboutLimit, [][]string{limitWords}}, {aboutDatabase, [][]string{databaseWords}},
		{aboutSession, [][]string{sessionLost, sessionOpened, sessionClosed, sessionDropped}},
	} {
		for _, words := range t.words {
			if s.any(words) {
				found |= t.topic
			}
		}
	}
	return found
}

// subject caches the classification of a message.
type subject struct {
	topics   topics
	template *template.Template
}

// maxSubjects bounds the messages that are remembered.
const maxSubjects = 8192

// subjects remembers messages: most messages of a log are repeated.
type subjects struct {
	known map[string]*subject
	spare subject
}

// of returns the cached classification of an entry with the text s.
func (m *subjects) of(s said) *subject {
	if found, ok := m.known[string(s)]; ok {
		return found
	}
	if m.known == nil {
		m.known = map[string]*subject{}
	}
	if len(m.known) >= maxSubjects {
		m.spare = subject{topics: topicsOf(s)}
		return &m.spare
	}
	found := &subject{topics: topicsOf(s)}
	m.known[string(s)] = found
	return found
}

// place says where an entry stands.
func place(e *input.Entry) string { return fmt.Sprintf("%s at byte %d", e.Source.Name, e.Offset) }
