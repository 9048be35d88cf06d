package monitor

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
)

// The columns of the memory monitor in the seed's Python tools, which scripts
// read by name and by position.
var seedColumns = []string{
	"timestamp", "pid", "rss_mb", "vms_mb", "rss_total_mb", "vms_total_mb", "percent", "num_children",
}

// timeLayout is Python's datetime.isoformat() with a time zone: without one, a
// night in autumn has an hour twice.
const timeLayout = "2006-01-02T15:04:05.000000-07:00"

// DefaultOutput is the name of the CSV file of a run that begins at t.
func DefaultOutput(t time.Time) string { return "memory_" + t.Format("20060102_150405") + ".csv" }

// csvWriter writes samples, a row each. Without a writer it does nothing.
type csvWriter struct {
	w    *bufio.Writer
	line []byte
}

func newCSV(w io.Writer) *csvWriter {
	if w == nil {
		return &csvWriter{}
	}
	c := &csvWriter{w: bufio.NewWriter(w)}
	_, _ = c.w.WriteString(strings.Join(seedColumns, ",") + "\n") // an error stays until flush
	return c
}

func (c *csvWriter) write(s Sample) error {
	if c.w == nil {
		return nil
	}
	b := s.At.AppendFormat(c.line[:0], timeLayout)
	b = strconv.AppendInt(append(b, ','), int64(s.PID), 10)
	for _, v := range []float64{s.RSS, s.VMS, s.RSSTotal, s.VMSTotal, s.Percent} {
		b = strconv.AppendFloat(append(b, ','), v, 'f', 3, 64)
	}
	b = strconv.AppendInt(append(b, ','), int64(s.Children), 10)
	c.line = append(b, '\n')
	_, err := c.w.Write(c.line)
	return err
}

// flush ends a tick: what was sampled is in the file.
func (c *csvWriter) flush() error {
	if c.w == nil {
		return nil
	}
	return c.w.Flush()
}
