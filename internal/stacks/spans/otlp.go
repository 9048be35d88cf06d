package spans

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// OTLP reads traces of OpenTelemetry in JSON: one document, one per line as the file
// exporter of the Collector writes them, or the answer of Grafana Tempo. Ids are
// hexadecimal, other than in the JSON mapping of Protocol Buffers, or in base64.
func OTLP(data []byte) (*Recording, error) {
	r := &Recording{}
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		var document struct {
			otlpDocument
			ScopeSpans []scopeSpans    `json:"scopeSpans"` // a single element of resourceSpans
			Batches    []resourceSpans `json:"batches"`    // of Grafana Tempo
			Trace      otlpDocument    `json:"trace"`      // of Tempo's API v2
			Result     otlpDocument    `json:"result"`     // of Jaeger's API v3
		}
		err := dec.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			return r, nil
		case errors.Is(err, io.ErrUnexpectedEOF) && len(r.Spans) > 0: // of a Collector that still writes, or was killed
			r.Cut = true
			return r, nil
		case err != nil:
			return nil, err
		}
		single := []resourceSpans{{ScopeSpans: document.ScopeSpans}}
		for _, resource := range slices.Concat(document.ResourceSpans, document.Batches, document.Trace.ResourceSpans, document.Result.ResourceSpans, single) {
			for _, scope := range append(resource.ScopeSpans, resource.Older...) {
				for i := range scope.Spans {
					r.Spans = append(r.Spans, scope.Spans[i].span())
				}
			}
		}
	}
}

type otlpDocument struct {
	ResourceSpans []resourceSpans `json:"resourceSpans"`
}

type resourceSpans struct {
	ScopeSpans []scopeSpans `json:"scopeSpans"`
	Older      []scopeSpans `json:"instrumentationLibrarySpans"` // before OTLP 0.19
}

type scopeSpans struct {
	Spans []otlpSpan `json:"spans"`
}

type otlpSpan struct {
	TraceID      string          `json:"traceId"`
	SpanID       string          `json:"spanId"`
	ParentSpanID string          `json:"parentSpanId"`
	Name         string          `json:"name"`
	Begin        flexible        `json:"startTimeUnixNano"`
	End          flexible        `json:"endTimeUnixNano"`
	Attributes   []otlpAttribute `json:"attributes"`
	Status       struct {
		Code json.RawMessage `json:"code"` // 2 or STATUS_CODE_ERROR
	} `json:"status"`
}

type otlpAttribute struct {
	Key   string `json:"key"`
	Value struct {
		String label `json:"stringValue"`
		Bool   label `json:"boolValue"`
		Int    label `json:"intValue"`
	} `json:"value"`
}

// flexible is a number that JSON contains as a number or as a string.
type flexible int64

// UnmarshalJSON implements json.Unmarshaler.
func (f *flexible) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "null" {
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		var float float64
		if float, err = strconv.ParseFloat(text, 64); err == nil {
			v = nanoseconds(float / 1e3)
		}
	}
	if err != nil || v < 0 {
		return fmt.Errorf("%.40q is not a time in nanoseconds", data)
	}
	*f = flexible(v)
	return nil
}

func (s *otlpSpan) span() Span {
	attribute := func(key string) string {
		for _, a := range s.Attributes {
			if a.Key == key {
				return string(cmp.Or(a.Value.String, a.Value.Bool, a.Value.Int))
			}
		}
		return ""
	}
	code := strings.Trim(string(s.Status.Code), `"`)
	return Span{
		Trace: plainID(s.TraceID), ID: plainID(s.SpanID), Parent: parentID(plainID(s.ParentSpanID)),
		Name: mcpName(s.Name, attribute), Failed: code == "2" || code == "STATUS_CODE_ERROR" || mcpFailed(attribute),
		Begin: int64(s.Begin), End: int64(s.End),
	}
}

// plainID returns a hexadecimal id in lower case, and one in base64 as it is.
func plainID(id string) string {
	if raw, err := hex.DecodeString(id); err == nil {
		return hex.EncodeToString(raw)
	}
	return id
}

// parentID returns "" for an id of zeros, which means that there is none.
func parentID(id string) string {
	if strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}

// Protobuf reads traces of OpenTelemetry in Protocol Buffers: one message, or
// messages that each follow their length, as the file exporter writes them.
func Protobuf(data []byte) (*Recording, error) {
	list, cut := messages(data)
	r, room := &Recording{Cut: cut}, int64(maxUnpacked)
	for _, message := range list {
		in, err := report.Decode(bytes.NewReader(message), maxUnpacked) // the exporter can compress each
		if err != nil {
			return nil, err
		}
		if message, err = report.ReadAtMost(in, room); err != nil {
			return nil, err
		}
		room -= int64(len(message))
		if err := r.addMessage(message); err != nil {
			return nil, err
		}
	}
	if len(r.Spans) == 0 {
		return nil, errors.New("it contains no spans")
	}
	return r, nil
}

const maxUnpacked = 512 << 20 // bytes of the messages of a file

// addMessage adds the spans of a message. If messages are compressed, the exporter writes
// those in JSON after their length, too.
func (r *Recording) addMessage(message []byte) error {
	if bytes.HasPrefix(message, []byte("{")) {
		more, err := OTLP(message)
		if err == nil {
			r.Spans = append(r.Spans, more.Spans...)
		}
		return err
	}
	var traces tracepb.TracesData // an export request has the same fields
	if err := proto.Unmarshal(message, &traces); err != nil {
		return err
	}
	for _, resource := range traces.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				r.Spans = append(r.Spans, fromProto(s))
			}
		}
	}
	return nil
}

// messages splits a file into messages, and reports whether it ends within one. A single
// message begins with the tag of its first field.
func messages(data []byte) (list [][]byte, cut bool) {
	const prefix = 4
	for rest := data; len(rest) > 0; {
		n := uint64(0)
		if len(rest) > prefix {
			n = uint64(binary.BigEndian.Uint32(rest))
		}
		if n == 0 || n > uint64(len(rest)-prefix) {
			if len(list) == 0 {
				return [][]byte{data}, false
			}
			return list, true
		}
		list = append(list, rest[prefix:prefix+n])
		rest = rest[prefix+n:]
	}
	return list, false
}

func fromProto(s *tracepb.Span) Span {
	attribute := func(key string) string {
		for _, a := range s.GetAttributes() {
			if a.GetKey() == key {
				return text(a.GetValue())
			}
		}
		return ""
	}
	return Span{
		Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: parentID(hex.EncodeToString(s.GetParentSpanId())),
		Name: mcpName(s.GetName(), attribute), Failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR || mcpFailed(attribute),
		Begin: int64(min(s.GetStartTimeUnixNano(), math.MaxInt64)), End: int64(min(s.GetEndTimeUnixNano(), math.MaxInt64)),
	}
}

// text returns the value of an attribute, "" for lists and maps.
func text(v *commonpb.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	}
	return ""
}
