package logline

import (
	"encoding/json"
	"fmt"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	for _, test := range []struct{ name, line string }{
		{"json", `{"timestamp":"2026-11-25T09:00:02.001Z","level":"error","event":"request_failed","error_type":"database_error","error_message":"statement timeout","query":"SELECT 1","request_id":"9f2c01aa55e0b7d2","endpoint":"/mcp","duration_ms":5012.4,"status":500}`},
		{"docker", `{"log":"{\"timestamp\":\"2026-11-25T09:00:02.001Z\",\"level\":\"error\",\"event\":\"request_failed\",\"request_id\":\"9f2c01aa55e0b7d2\",\"endpoint\":\"/mcp\",\"duration_ms\":5012.4,\"status\":500}\n","stream":"stdout","time":"2026-11-25T09:00:47.335051861Z"}`},
		{"logfmt", `time=2026-11-25T09:00:21.532Z level=ERROR msg="tool call" session=5f0c tool=search err="pq: sorry, too many clients already" duration=531.2ms`},
		{"access", `10.0.0.7 - - [25/Nov/2026:09:00:30 +0000] "POST /mcp HTTP/1.1" 401 64 "-" "node"`},
		{"asctime", `2026-11-25 09:00:17,528 - mcp.server.lowlevel.server - INFO - Processing request of type ListToolsRequest`},
	} {
		b.Run(fmt.Sprintf("format=%s", test.name), func(b *testing.B) {
			p, line := NewParser(Options{}), []byte(test.line)
			var r Record
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				p.Parse(line, &r)
			}
		})
		if test.name != "json" {
			continue
		}
		b.Run("format=json/by=json", func(b *testing.B) { // without a search for any field
			b.ReportAllocs()
			for b.Loop() {
				var members map[string]any
				if err := json.Unmarshal([]byte(test.line), &members); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
