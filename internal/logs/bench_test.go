package logs

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// BenchmarkRun reads a log of a structured logger with all reports.
func BenchmarkRun(b *testing.B) {
	var log bytes.Buffer
	at := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	for i := range 100000 {
		at = at.Add(100 * time.Millisecond)
		fmt.Fprintf(&log, `{"timestamp":%q,"level":"info","event":"request_completed","request_id":"%016x","endpoint":"/mcp","user_id":"user-%d","method":"POST","session_id":"s-%d","duration_ms":%d,"status":200,"host":"mcp-server-7d8f9c4b5-abc12","message":"request completed"}`+"\n",
			at.Format(time.RFC3339Nano), uint64(i)*0x9e3779b97f4a7c15, i%40, i%500, i%900)
	}
	b.SetBytes(int64(log.Len()))
	b.ReportAllocs()
	for b.Loop() {
		source := input.FromReader("log", bytes.NewReader(log.Bytes()))
		if _, err := Run(context.Background(), []*input.Source{source}, Options{Slow: time.Second, Top: 20, Input: input.Options{Zone: time.UTC}}); err != nil {
			b.Fatal(err)
		}
	}
}
