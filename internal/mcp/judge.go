package mcp

import (
	"strconv"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// verdict is what an answer came to.
type verdict struct {
	result        jsontext.Value
	isError       bool
	text          string
	inputRequired bool
}

// judge reads the answer to the request id: as far as the verdict on the call
// needs, and the whole of it where that shows anything but success, or is asked for.
func judge(data []byte, id int64, whole bool) (verdict, error) {
	if !whole {
		if g, ok := look(data); ok && g.plain() && isID(g.id, id) {
			return verdict{result: g.result}, nil
		}
	}
	m, err := parseMessage(data)
	switch {
	case err != nil:
		return verdict{}, err
	case m.Error != nil:
		return verdict{}, m.Error
	case !m.answers(id):
		return verdict{}, malformed("it is not the answer to request %d", id)
	case len(m.Result) == 0:
		return verdict{}, malformed("it has neither result nor error")
	}
	return judgeResult(m.Result)
}

func judgeResult(result jsontext.Value) (verdict, error) {
	var r struct {
		IsError bool `json:"isError"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
		ResultType string `json:"resultType"`
	}
	v := verdict{result: result}
	if err := jsonv2.Unmarshal(result, &r, jsontext.AllowInvalidUTF8(true)); err != nil {
		// Only the result of a tool has content in this form.
		var other map[string]jsontext.Value
		if jsonv2.Unmarshal(result, &other, jsontext.AllowInvalidUTF8(true)) != nil || other["isError"] != nil {
			return v, malformed("%v", err)
		}
		return v, nil
	}
	v.isError, v.inputRequired = r.IsError, r.ResultType == "input_required"
	if r.IsError && len(r.Content) > 0 {
		v.text = r.Content[0].Text
	}
	return v, nil
}

// isID reports whether a message's id is that of request id.
func isID(raw []byte, id int64) bool {
	var b [20]byte
	return string(raw) == string(strconv.AppendInt(b[:0], id, 10))
}

// withInputs are params with what the server asked for in an answer of the type
// input_required. Its state goes back byte for byte.
func withInputs(params, result jsontext.Value) (jsontext.Value, error) {
	var r struct {
		InputRequests map[string]struct {
			Method string `json:"method"`
		} `json:"inputRequests"`
		RequestState jsontext.Value `json:"requestState"`
	}
	if err := jsonv2.Unmarshal(result, &r); err != nil {
		return nil, malformed("what input is required: %v", err)
	}
	responses := map[string]jsontext.Value{}
	for key, request := range r.InputRequests {
		input, ok := inputs[request.Method]
		if !ok {
			return nil, malformed("the server asks for input by %q, which is unknown", request.Method)
		}
		responses[key] = jsontext.Value(input)
	}
	more := map[string]any{"inputResponses": responses}
	if len(r.RequestState) > 0 {
		more["requestState"] = r.RequestState
	}
	data, err := encode(more)
	if err != nil || len(params) <= 2 {
		return data, err
	}
	return appendMembers(append(jsontext.Value{}, params[:len(params)-1]...), data), nil
}

// inputs are the answers to what a server may ask for.
var inputs = map[string]string{
	"elicitation/create":     `{"action":"decline"}`,
	"sampling/createMessage": `{"role":"assistant","content":{"type":"text","text":"mcpdiag"},"model":"mcpdiag","stopReason":"endTurn"}`,
	"roots/list":             `{"roots":[]}`,
}
