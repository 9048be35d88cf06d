package monitor

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// readCSV reads this monitor's CSV, and any with the columns timestamp and
// rss_mb. A row is a line: a quote that does not end makes one bad row, not one
// of all that follows.
func readCSV(b *bufio.Reader, r *recording) error {
	row := rowReader{}
	var bad error
	err := eachLine(b, func(n int, line string) {
		switch {
		case bad != nil || line == "":
		case row.columns == nil:
			bad = row.header(line)
		default:
			if s, ok := row.sample(line); ok {
				r.add(s)
			} else {
				r.skip(n)
			}
		}
	})
	return cmp.Or(bad, err)
}

// rowReader reads cells by the names of their columns.
type rowReader struct {
	columns map[string]int
	cells   []string
}

func (r *rowReader) header(line string) error {
	_ = r.split(line) // what is no CSV has no such columns
	r.columns = map[string]int{}
	for i, name := range r.cells {
		r.columns[strings.TrimSpace(name)] = i
	}
	for _, name := range []string{"timestamp", "rss_mb"} {
		if _, ok := r.columns[name]; !ok {
			return fmt.Errorf("no column %s in its first line; CSV that begins with timestamp,pid,rss_mb, a log of psrecord or data of mprof can be read", name)
		}
	}
	return nil
}

// split divides a line into cells, without a csv.Reader where nothing is quoted.
func (r *rowReader) split(line string) (err error) {
	r.cells = r.cells[:0]
	if !strings.Contains(line, `"`) {
		r.cells = slices.AppendSeq(r.cells, strings.SplitSeq(line, ","))
		return nil
	}
	in := csv.NewReader(strings.NewReader(line))
	r.cells, err = in.Read()
	return err
}

func (r *rowReader) cell(name string) string {
	if i, ok := r.columns[name]; ok && i < len(r.cells) {
		return strings.TrimSpace(r.cells[i])
	}
	return ""
}

// number is not a number where the cell is empty, or is no number.
func (r *rowReader) number(name string) float64 {
	v, err := strconv.ParseFloat(r.cell(name), 64)
	if err != nil || math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

func (r *rowReader) sample(line string) (*Sample, bool) {
	if r.split(line) != nil {
		return nil, false
	}
	at, ok := parseTime(r.cell("timestamp"))
	s := &Sample{At: at, RSS: r.number("rss_mb"), Detail: process.NoDetail(), Available: math.NaN(), Event: r.cell(eventColumn)}
	s.RSSTotal = r.or("rss_total_mb", s.RSS)
	s.VMS, s.VMSTotal = r.or("vms_mb", 0), r.or("vms_total_mb", 0)
	s.Percent = r.or("percent", 0)
	s.Children, s.PID = int(r.or("num_children", 0)), int(r.or("pid", 0))
	r.details(s)
	return s, ok && sizes(s.RSS, s.RSSTotal)
}

func (r *rowReader) or(name string, instead float64) float64 {
	if v := r.number(name); sizes(v) {
		return v
	}
	return instead
}

func (r *rowReader) details(s *Sample) {
	mb := func(name string) float64 { return r.or(name, math.NaN()) * mib }
	count := func(name string) float64 { return r.or(name, math.NaN()) }
	s.PSS, s.USS, s.Swap = mb("pss_mb"), mb("uss_mb"), mb("swap_mb")
	s.CPU, s.Threads, s.Files = count("cpu_percent"), count("threads"), count("fds")
	s.Sockets, s.Listen = count("sockets"), count("listen")
	s.Established, s.CloseWait = count("established"), count("close_wait")
	s.Group, s.GroupLimit, s.Available = mb("cgroup_mb"), mb("cgroup_limit_mb"), mb("system_available_mb")
}

// timeLayouts are those of Python's isoformat and str, with and without a time
// zone; fractions of a second are taken by all. A time without a zone is local.
var timeLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", time.DateTime,
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, true
		}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	return epoch(seconds), err == nil && seconds >= 0 && seconds < 1e11
}

func epoch(seconds float64) time.Time {
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9))
}
