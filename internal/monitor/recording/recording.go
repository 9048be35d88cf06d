package recording

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Options are facts that a recording does not hold.
type Options struct {
	Every time.Duration // from one reading to the next, for lines without time stamps; 0: unknown
	Limit float64       // of the memory in MB; 0: unknown
}

// maxLine is the longest line that is read, in bytes.
const maxLine = 1 << 20

// errFormat is the error for a file in none of the formats.
var errFormat = errors.New("unknown format; it reads CSV with the columns timestamp and rss_mb, logs of psrecord, mprof, kubectl top, " +
	"docker stats, ps, pidstat and cgroup files, and Prometheus range queries")

// Read judges a recording. Except for Prometheus JSON it takes constant memory.
func Read(in io.Reader, opts Options) (*monitor.Result, error) {
	b := report.SkipByteOrderMark(in)
	start, err := b.Peek(4096)
	if len(start) == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, err
	}
	r := &reader{opts: opts}
	if err := formatOf(start)(b, r); err != nil {
		return nil, err
	}
	return r.Result()
}

// reader collects the samples of a recording.
type reader struct {
	monitor.Recorder
	opts Options
}

// add adds a sample with the limit of the options when the recording has none.
func (r *reader) add(source monitor.Source, s *monitor.Sample) {
	if source.Limit == 0 {
		source.Limit = r.opts.Limit
	}
	r.Add(source, s)
}

// formatOf detects the format from the first bytes.
func formatOf(start []byte) func(*bufio.Reader, *reader) error {
	first, _, _ := bytes.Cut(bytes.TrimLeft(start, "\r\n"), []byte("\n"))
	switch {
	case bytes.HasPrefix(start, []byte("CMDLINE")), bytes.HasPrefix(start, []byte("MEM ")), bytes.HasPrefix(start, []byte("FUNC ")):
		return readMprof
	case bytes.HasPrefix(start, []byte("#")) && bytes.Contains(first, []byte("Elapsed time")):
		return readPsrecord
	case bytes.HasPrefix(start, []byte("{")) && bytes.Contains(start, []byte(`"resultType"`)):
		return readPrometheus
	case bytes.Contains(first, []byte("timestamp")) || bytes.Contains(first, []byte("rss_mb")):
		return readCSV
	}
	return readLines
}

// eachLine calls f with each line, trimmed, and its number.
func eachLine(b *bufio.Reader, f func(n int, line string)) error {
	lines := bufio.NewScanner(b)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		f(n, strings.TrimSpace(lines.Text()))
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d KiB", n+1, maxLine>>10)
	}
	return lines.Err()
}
