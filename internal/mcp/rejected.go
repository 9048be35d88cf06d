package mcp

import "errors"

// RejectedMessage returns why clients on the official TypeScript SDK reject an answer, whatever
// its method is, or "".
func RejectedMessage(answer []byte) string {
	_, odd, err := parseMessage(answer)
	if e, plain := openEnvelope(answer); plain {
		odd = append(odd, e.deviations()...)
	}
	return firstRejected(odd, err)
}

// RejectedHandshake returns why clients on the official TypeScript SDK reject the result of
// initialize, or "".
func RejectedHandshake(result []byte) string {
	_, odd, err := readHandshake(result)
	return firstRejected(odd, err)
}

// RejectedTool returns why clients on the official TypeScript SDK reject an entry of tools/list,
// or "".
func RejectedTool(entry []byte) string { return toolShape.faultOf(entry) }

// RejectedPage returns why clients on the official TypeScript SDK reject the result of
// tools/list, apart from its entries, or "".
func RejectedPage(result []byte) string {
	return object(map[string]shape{"nextCursor": isText, "tools": arrayOf(shape{})}, "tools").faultOf(result)
}

func firstRejected(odd []deviation, err error) string {
	if bad, ok := errors.AsType[*MalformedError](err); ok {
		return bad.What
	}
	for _, d := range odd {
		if d.rejected == bySDK {
			return d.text
		}
	}
	return ""
}
