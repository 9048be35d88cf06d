package spans

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// zipkinSpan is a span in the JSON of Zipkin's API v2.
type zipkinSpan struct {
	TraceID   string         `json:"traceId"`
	ID        string         `json:"id"`
	ParentID  string         `json:"parentId"`
	Name      string         `json:"name"`
	Timestamp float64        `json:"timestamp"` // µs
	Duration  float64        `json:"duration"`  // µs
	Shared    bool           `json:"shared"`    // it is the server's half of a call, and has the id of the client's
	Tags      map[string]any `json:"tags"`
}

type zipkinID struct{ trace, id string }

// Zipkin reads traces in Zipkin's JSON: a list of spans, or a list of traces.
func Zipkin(data []byte) (*Recording, error) {
	var list []zipkinSpan
	if err := json.Unmarshal(data, &list); err != nil {
		var traces [][]zipkinSpan
		if json.Unmarshal(data, &traces) != nil {
			return nil, err
		}
		list = slices.Concat(traces...)
	}
	client, server := map[zipkinID]bool{}, map[zipkinID]bool{}
	for i := range list {
		s := &list[i]
		if id := (zipkinID{s.TraceID, s.ID}); s.Shared {
			server[id] = true
		} else {
			client[id] = true
		}
	}
	r := &Recording{}
	for i := range list {
		r.Spans = append(r.Spans, list[i].span(client, server))
	}
	return r, nil
}

// span converts a span. The server's half of a call is the child of the client's half, and
// takes the children of both.
func (s *zipkinSpan) span(client, server map[zipkinID]bool) Span {
	attribute := func(key string) string {
		if v, ok := s.Tags[key]; ok {
			return cmp.Or(fmt.Sprint(v), "true") // the tag error may be empty
		}
		return ""
	}
	const half = "/server"
	id, parent := s.ID, s.ParentID
	if server[zipkinID{s.TraceID, parent}] {
		parent += half
	}
	if s.Shared {
		id += half
		if client[zipkinID{s.TraceID, s.ID}] {
			parent = s.ID
		}
	}
	failure := attribute("error")
	return Span{
		Trace: s.TraceID, ID: id, Parent: parentID(parent), Name: mcpName(s.Name, attribute),
		Failed: mcpFailed(attribute) || failure != "" && failure != "false",
		Begin:  nanoseconds(s.Timestamp), End: nanoseconds(s.Timestamp + s.Duration),
	}
}
