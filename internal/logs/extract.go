package logs

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Extractor writes entries as normalized NDJSON, one object a line, without secrets.
type Extractor struct {
	enc    *json.Encoder
	red    *redactor
	names  *namer
	record extracted
}

// extracted is the object of one entry.
type extracted struct {
	Time      string  `json:"time,omitempty"` // RFC 3339 in UTC
	Inherited bool    `json:"timeInherited,omitempty"`
	Level     string  `json:"level,omitempty"`
	Message   string  `json:"message"`
	Event     string  `json:"event,omitempty"`
	Logger    string  `json:"logger,omitempty"`
	Stream    string  `json:"stream,omitempty"`
	Request   string  `json:"request,omitempty"`
	Session   string  `json:"session,omitempty"` // a short hash
	User      string  `json:"user,omitempty"`
	Tool      string  `json:"tool,omitempty"`
	Method    string  `json:"method,omitempty"`
	Endpoint  string  `json:"endpoint,omitempty"`
	Address   string  `json:"address,omitempty"`
	Status    int     `json:"status,omitempty"`
	ErrorType string  `json:"errorType,omitempty"`
	Error     string  `json:"error,omitempty"`
	Reason    string  `json:"reason,omitempty"`
	Statement string  `json:"statement,omitempty"`
	MS        float64 `json:"durationMs,omitempty"`
	Stack     string  `json:"stack,omitempty"`
	Format    string  `json:"format"`
	Source    string  `json:"source"`
	Offset    int64   `json:"offset"`
}

// NewExtractor returns an extractor that writes to w.
func NewExtractor(w io.Writer) *Extractor {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &Extractor{enc: enc, red: &redactor{}, names: newNamer()}
}

// Write writes one entry.
func (x *Extractor) Write(e *input.Entry) error {
	x.red.sessions = x.names.replacer(slices.Values([]string{string(e.Session)}))
	clean := func(field []byte) string { return x.red.text(strings.ToValidUTF8(string(field), "\ufffd")) }
	x.record = extracted{
		Inherited: e.Known && e.Inherited, Level: e.Level.String(), Message: clean(e.Message), Event: clean(e.Event), Logger: clean(e.Logger),
		Stream: clean(e.Stream), Request: clean(e.Request), User: clean(e.User), Tool: clean(e.Tool), Method: clean(e.Method),
		Endpoint: clean(e.Endpoint), Address: clean(e.Address), Status: e.Status, ErrorType: clean(e.ErrorType), Error: clean(e.ErrorText),
		Reason: clean(e.Reason), Statement: clean(e.Statement), Stack: clean(e.Stack),
		Format: e.Format.String(), Source: e.Source.Name, Offset: e.Offset,
	}
	if e.Known {
		x.record.Time = time.Unix(0, e.Nanos).UTC().Format(time.RFC3339Nano)
	}
	if len(e.Session) > 0 {
		x.record.Session = x.names.session(e.Session)
	}
	if e.HasDuration {
		x.record.MS = report.InMillis(e.Duration)
	}
	return x.enc.Encode(x.record)
}
