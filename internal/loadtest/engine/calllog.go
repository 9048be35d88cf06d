package engine

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// CallLog writes a CSV file with one row per call. It may be used concurrently.
type CallLog struct {
	labels []string

	mu   sync.Mutex
	w    *bufio.Writer
	line []byte
	err  error // first write error
}

// NewCallLog starts a log of calls of the steps. It writes the names of the columns.
func NewCallLog(w io.Writer, steps []plan.Step) *CallLog {
	l := &CallLog{w: bufio.NewWriterSize(w, 64<<10)}
	for i := range steps {
		l.labels = append(l.labels, csvQuote(report.CSVText(steps[i].Label())))
	}
	_, l.err = l.w.WriteString("start_s,user,step,latency_ms,service_ms,bytes,error\n")
	return l
}

func csvQuote(s string) string {
	if strings.ContainsAny(s, "\",\n\r") || s != strings.TrimSpace(s) {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// Add writes the row of a call.
func (l *CallLog) Add(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	b := strconv.AppendFloat(l.line[:0], c.At.Seconds(), 'f', 6, 64)
	b = strconv.AppendInt(append(b, ','), int64(c.User), 10)
	b = append(append(b, ','), l.labels[c.Step]...)
	b = appendMillis(append(b, ','), c.Latency)
	b = appendMillis(append(b, ','), c.Service)
	b = strconv.AppendInt(append(b, ','), c.Bytes, 10)
	b = append(append(append(b, ','), c.Failure...), '\n')
	_, l.err = l.w.Write(b)
	l.line = b
}

func appendMillis(dst []byte, d time.Duration) []byte {
	return strconv.AppendFloat(dst, float64(d.Nanoseconds())/1e6, 'f', 3, 64)
}

// Close flushes the log. It returns the first error of writing it.
func (l *CallLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	return l.w.Flush()
}
