package spans

import (
	"encoding/json"
	"fmt"
)

// jaegerTrace is a trace in the JSON of Jaeger's page and query service.
type jaegerTrace struct {
	Spans []struct {
		TraceID       string `json:"traceID"`
		SpanID        string `json:"spanID"`
		ParentSpanID  string `json:"parentSpanID"` // in older files
		OperationName string `json:"operationName"`
		References    []struct {
			RefType string `json:"refType"`
			SpanID  string `json:"spanID"`
		} `json:"references"`
		StartTime float64 `json:"startTime"` // µs
		Duration  float64 `json:"duration"`  // µs
		Tags      []struct {
			Key   string `json:"key"`
			Value any    `json:"value"`
		} `json:"tags"`
	} `json:"spans"`
}

// Jaeger reads traces in Jaeger's JSON: {"data": [trace…]}, or one trace.
func Jaeger(data []byte) ([]Span, error) {
	var document struct {
		Data []jaegerTrace `json:"data"`
		jaegerTrace
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	var list []Span
	for _, trace := range append(document.Data, document.jaegerTrace) {
		for _, s := range trace.Spans {
			attribute := func(key string) string {
				for _, tag := range s.Tags {
					if tag.Key == key {
						return fmt.Sprint(tag.Value)
					}
				}
				return ""
			}
			span := Span{
				Trace: s.TraceID, ID: s.SpanID, Parent: s.ParentSpanID, Name: mcpName(s.OperationName, attribute),
				Failed: mcpFailed(attribute) || attribute("otel.status_code") == "ERROR",
				Begin:  nanoseconds(s.StartTime), End: nanoseconds(s.StartTime + s.Duration),
			}
			for _, r := range s.References {
				if r.RefType == "CHILD_OF" || span.Parent == "" {
					span.Parent = r.SpanID
				}
			}
			list = append(list, span)
		}
	}
	return list, nil
}
