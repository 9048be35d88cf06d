package mcp

import (
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// verdict is the outcome of an answer.
type verdict struct {
	result        jsontext.Value
	isError       bool
	text          string
	inputRequired bool
	deviations    []deviation
}

// judge reads the answer to the request id: its envelope where that says success,
// otherwise, or on request, the whole of it.
func judge(data []byte, id int64, whole bool) (verdict, error) {
	e, plain := openEnvelope(data)
	if plain && !whole && e.succeeded() && isExactly(e.id, id) {
		return verdict{result: jsontext.Value(e.result)}, nil
	}
	m, odd, err := parseMessage(data)
	if plain {
		odd = append(odd, e.deviations()...)
	}
	switch {
	case err != nil:
		return verdict{}, err
	case m.Error != nil:
		if n, ok := idNumber(m.ID); !ok || n != id {
			odd = append(odd, deviation{"errors come without the id of their request", bySDK})
		}
		return verdict{deviations: odd}, m.Error
	case m.Method != "":
		return verdict{}, malformed("it has a method, %.40q, as requests have", m.Method)
	case len(m.ID) == 0 || string(m.ID) == "null":
		return verdict{}, malformed("it has no id, so it does not answer request %d", id)
	case !m.answers(id):
		return verdict{}, malformed("it has the id %.40s instead of %d", m.ID, id)
	case len(m.Result) == 0:
		return verdict{}, malformed("it has neither result nor error")
	}
	if !isExactly(m.ID, id) {
		odd = append(odd, deviation{text: "ids come back in another form than they were sent"})
	}
	v, err := judgeResult(m.Result)
	v.deviations = append(odd, v.deviations...)
	return v, err
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
	odd, err := unmarshal(result, &r)
	if err != nil {
		// Only the result of a tool has content in this form.
		var other map[string]jsontext.Value
		if _, e := unmarshal(result, &other); e != nil || other["isError"] != nil {
			return v, err
		}
		return v, nil
	}
	v.deviations = odd
	v.isError, v.inputRequired = r.IsError, r.ResultType == "input_required"
	if r.IsError && len(r.Content) > 0 {
		v.text = r.Content[0].Text
	}
	return v, nil
}

// withInputs returns params with the input that an answer of the type input_required
// asks for. The state of the server goes back byte for byte.
func withInputs(params, result jsontext.Value) (jsontext.Value, error) {
	var r struct {
		InputRequests map[string]struct {
			Method string `json:"method"`
		} `json:"inputRequests"`
		RequestState jsontext.Value `json:"requestState"`
	}
	if err := jsonv2.Unmarshal(result, &r); err != nil {
		return nil, malformed("its input requests: %s", explain(result, err))
	}
	responses := map[string]jsontext.Value{}
	for key, request := range r.InputRequests {
		input, ok := inputFor(request.Method)
		if !ok {
			return nil, malformed("the server asks for input by %.80q, which is unknown", request.Method)
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

// inputFor returns the answer to a request for input.
func inputFor(method string) (answer string, ok bool) {
	switch method {
	case "elicitation/create":
		return `{"action":"decline"}`, true
	case "sampling/createMessage":
		return `{"role":"assistant","content":{"type":"text","text":"mcpdiag"},"model":"mcpdiag","stopReason":"endTurn"}`, true
	case "roots/list":
		return `{"roots":[]}`, true
	}
	return "", false
}
