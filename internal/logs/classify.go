package logs

import (
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

// hasEndpoint reports whether appendEndpoint has a name for the entry.
func hasEndpoint(e *input.Entry) bool {
	return len(e.Tool) > 0 || len(e.Endpoint) > 0 || e.RPC.Kind != logline.NoRPC && len(e.Method) > 0
}

// dimensions are the names that --by takes, and the part of an entry that each counts by.
var dimensions = map[string]func(dst []byte, e *input.Entry, names *namer) []byte{
	"endpoint": func(dst []byte, e *input.Entry, _ *namer) []byte { return appendEndpoint(dst, e) },
	"tool":     func(dst []byte, e *input.Entry, _ *namer) []byte { return append(dst, e.Tool...) },
	"user":     func(dst []byte, e *input.Entry, _ *namer) []byte { return append(dst, e.User...) },
	"stream":   func(dst []byte, e *input.Entry, _ *namer) []byte { return append(dst, e.Stream...) },
	"source":   func(dst []byte, e *input.Entry, _ *namer) []byte { return append(dst, e.Source.Name...) },
	"session": func(dst []byte, e *input.Entry, names *namer) []byte {
		if len(e.Session) == 0 {
			return dst
		}
		return append(dst, names.session(e.Session)...)
	},
}

// Dimensions returns the names that Options.By may have.
func Dimensions() []string { return slices.Sorted(maps.Keys(dimensions)) }

// maxText is the length of a name or message that is kept.
const maxText = 300

// text copies a field, cut to a bounded length.
func text(field []byte) string { return string(field[:min(len(field), maxText)]) }

// maxSaid is how much of a text is searched for words.
const maxSaid = 500

// appendSaid appends the texts of an entry: event, message, error and error type.
func appendSaid(dst []byte, e *input.Entry) []byte {
	for _, field := range [...][]byte{e.Event, e.Message, e.ErrorText, e.ErrorType} {
		dst = append(append(dst, field[:min(len(field), maxSaid)]...), 0)
	}
	return dst
}

// subject caches the classification of a message.
type subject struct {
	words    wordSet // that were said
	template *template.Template
}

// maxSubjects bounds the messages that are remembered.
const maxSubjects = 8192

// subjects remembers messages: most messages of a log are repeated.
type subjects struct {
	lexicon *lexicon
	known   map[string]*subject
	spare   subject
	said    []byte // by the current entry
}

// of returns the classification of an entry.
func (m *subjects) of(e *input.Entry) *subject {
	m.said = appendSaid(m.said[:0], e)
	if found, ok := m.known[string(m.said)]; ok {
		return found
	}
	found := &m.spare
	if len(m.known) < maxSubjects {
		found = &subject{}
		if m.known == nil {
			m.known = map[string]*subject{}
		}
		m.known[string(m.said)] = found
	}
	*found = subject{}
	m.lexicon.find(m.said, &found.words)
	return found
}

// place says where an entry stands.
func place(e *input.Entry) string { return fmt.Sprintf("%s at byte %d", e.Source.Name, e.Offset) }
