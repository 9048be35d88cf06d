package monitor

import (
	"bufio"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// The columns of the usual memory monitor in Python, which scripts
// read by name and by position.
var classicColumns = []string{
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
	return &csvWriter{w: bufio.NewWriter(w)}
}

func (c *csvWriter) header() error {
	if c.w == nil {
		return nil
	}
	names := append([]string{}, classicColumns...)
	for _, f := range figures {
		names = append(names, f.column)
	}
	_, err := c.w.WriteString(strings.Join(append(names, eventColumn), ",") + "\n")
	return err
}

func (c *csvWriter) write(s *Sample) error {
	if c.w == nil {
		return nil
	}
	c.line = append(appendRow(c.line[:0], s), '\n')
	_, err := c.w.Write(c.line)
	return err
}

// flush writes the rows of a tick to the file.
func (c *csvWriter) flush() error {
	if c.w == nil {
		return nil
	}
	return c.w.Flush()
}

func appendRow(b []byte, s *Sample) []byte {
	b = s.At.AppendFormat(b, timeLayout)
	b = strconv.AppendInt(append(b, ','), int64(s.PID), 10)
	for _, v := range []float64{s.RSS, s.VMS, s.RSSTotal, s.VMSTotal, s.Percent} {
		b = appendNumber(append(b, ','), v, 3)
	}
	b = strconv.AppendInt(append(b, ','), int64(s.Children), 10)
	for _, f := range figures {
		b = appendNumber(append(b, ','), f.value(s), f.decimals)
	}
	return append(append(b, ','), textCell(s.Event)...)
}

// appendNumber leaves the cell of an absent figure empty: absent is not 0.
func appendNumber(b []byte, v float64, decimals int) []byte {
	if math.IsNaN(v) {
		return b
	}
	return strconv.AppendFloat(b, v, 'f', decimals, 64)
}

// textCell formats a cell of text, quoted if necessary. Text that a spreadsheet would run
// as a formula gets an apostrophe before it.
func textCell(text string) string {
	text = report.CSVText(text)
	if strings.ContainsAny(text, ",\"") {
		text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}
