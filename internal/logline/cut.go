package logline

import "bytes"

// CompleteCut completes the record of a line whose middle was skipped with the fields
// at its end: the id of a JSON-RPC message and whether its result is an error.
func CompleteCut(tail []byte, r *Record) {
	if i := bytes.LastIndex(tail, []byte(`"id":`)); i >= 0 && r.RPC.ID == nil {
		id := bytes.TrimLeft(tail[i+5:], " ")
		end := bytes.IndexAny(id, ",} ")
		if end > 0 && end < 100 {
			r.RPC.ID = bytes.Trim(id[:end], `"`)
			r.Request = r.RPC.ID
		}
	}
	if r.RPC.ID != nil && r.RPC.Kind == NoRPC && bytes.Contains(tail, []byte("}")) {
		if r.RPC.Kind = Response; len(r.Method) > 0 {
			r.RPC.Kind = Request
		}
	}
	r.RPC.IsError = r.RPC.IsError || bytes.Contains(tail, []byte(`"isError":true`))
}
