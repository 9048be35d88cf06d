package spans

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// jaegerTrace is a trace in the JSON of Jaeger's page and query service.
type jaegerTrace struct {
	Spans []jaegerSpan `json:"spans"`
}

type jaegerSpan struct {
	TraceID       string            `json:"traceID"`
	SpanID        string            `json:"spanID"`
	ParentSpanID  string            `json:"parentSpanID"` // in older files
	OperationName string            `json:"operationName"`
	References    []jaegerReference `json:"references"`
	StartTime     float64           `json:"startTime"` // µs
	Duration      float64           `json:"duration"`  // µs
	Tags          []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"tags"`
}

type jaegerReference struct {
	RefType string `json:"refType"`
	TraceID string `json:"traceID"`
	SpanID  string `json:"spanID"`
}

// Jaeger reads traces in Jaeger's JSON: {"data": [trace…]}, the list alone, or one trace.
func Jaeger(data []byte) (*Recording, error) {
	var document struct {
		Data []jaegerTrace `json:"data"`
		jaegerTrace
	}
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		err = json.Unmarshal(data, &document.Data)
	} else {
		err = json.Unmarshal(data, &document)
	}
	r := &Recording{}
	for _, trace := range append(document.Data, document.jaegerTrace) {
		for i := range trace.Spans {
			r.Spans = append(r.Spans, trace.Spans[i].span())
		}
	}
	return r, err
}

func (s *jaegerSpan) span() Span {
	attribute := func(key string) string {
		for _, tag := range s.Tags {
			if tag.Key == key {
				return fmt.Sprint(tag.Value)
			}
		}
		return ""
	}
	return Span{
		Trace: s.TraceID, ID: s.SpanID, Parent: s.parent(), Name: mcpName(s.OperationName, attribute),
		Failed: mcpFailed(attribute) || attribute("otel.status_code") == "ERROR",
		Begin:  nanoseconds(s.StartTime), End: nanoseconds(s.StartTime + s.Duration),
	}
}

// parent returns the first span of the same trace that s is a child of, or that it follows.
// References to other traces are links.
func (s *jaegerSpan) parent() string {
	for _, kind := range []string{"CHILD_OF", "FOLLOWS_FROM"} {
		for _, r := range s.References {
			if r.RefType == kind && (r.TraceID == s.TraceID || r.TraceID == "") {
				return r.SpanID
			}
		}
	}
	return s.ParentSpanID
}
