package recording

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
)

// readCSV reads the CSV of mcpdiag, and any with the columns timestamp and rss_mb.
// Spreadsheets that write decimal commas separate cells by semicolons. A row is a
// line: a quote that does not end spoils one row, not the rest of the file.
func readCSV(b *bufio.Reader, r *reader) error {
	row := rowReader{}
	var bad error
	err := eachLine(b, func(n int, line string) {
		switch {
		case bad != nil || line == "":
		case row.columns == nil:
			bad = row.header(line)
		default:
			if s, ok := row.sample(line); ok {
				r.add(monitor.Source{PID: s.PID}, s)
			} else {
				r.Skip(n)
			}
		}
	})
	return cmp.Or(bad, err)
}

// rowReader reads cells by the names of their columns.
type rowReader struct {
	separator rune
	columns   map[string]int
	cells     []string
}

func (r *rowReader) header(line string) error {
	r.separator = ','
	for _, other := range []rune{';', '\t'} {
		if strings.ContainsRune(line, other) {
			r.separator = other
		}
	}
	_ = r.split(line) // a line that is not CSV lacks the columns
	r.columns = map[string]int{}
	for i, name := range r.cells {
		r.columns[strings.TrimSpace(name)] = i
	}
	for _, name := range []string{"timestamp", "rss_mb"} {
		if _, ok := r.columns[name]; !ok {
			return fmt.Errorf("no column %s in the first line: %w", name, errFormat)
		}
	}
	return nil
}

// split divides a line into cells. A csv.Reader is needed only for quoted cells.
func (r *rowReader) split(line string) (err error) {
	r.cells = r.cells[:0]
	if !strings.Contains(line, `"`) {
		r.cells = slices.AppendSeq(r.cells, strings.SplitSeq(line, string(r.separator)))
		return nil
	}
	in := csv.NewReader(strings.NewReader(line))
	in.Comma = r.separator
	r.cells, err = in.Read()
	return err
}

func (r *rowReader) cell(name string) string {
	if i, ok := r.columns[name]; ok && i < len(r.cells) {
		return strings.TrimSpace(r.cells[i])
	}
	return ""
}

// number returns NaN for a cell that is empty or holds no finite number.
func (r *rowReader) number(name string) float64 {
	text := r.cell(name)
	if r.separator != ',' {
		text = strings.Replace(text, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

func (r *rowReader) sample(line string) (*monitor.Sample, bool) {
	if r.split(line) != nil {
		return nil, false
	}
	at, ok := parseTime(r.cell("timestamp"))
	s := monitor.NewSample(at, r.number("rss_mb"))
	s.Event = r.cell("event")
	s.RSSTotal = r.or("rss_total_mb", s.RSS)
	s.VMS, s.VMSTotal = r.or("vms_mb", 0), r.or("vms_total_mb", 0)
	s.Percent = r.or("percent", 0)
	s.Children, s.PID = int(r.or("num_children", 0)), int(r.or("pid", 0))
	r.details(s)
	return s, ok && monitor.IsSize(s.RSS, s.RSSTotal)
}

func (r *rowReader) or(name string, instead float64) float64 {
	if v := r.number(name); monitor.IsSize(v) {
		return v
	}
	return instead
}

func (r *rowReader) details(s *monitor.Sample) {
	mb := func(name string) float64 { return r.or(name, math.NaN()) * mib }
	count := func(name string) float64 { return r.or(name, math.NaN()) }
	s.PSS, s.USS, s.Swap = mb("pss_mb"), mb("uss_mb"), mb("swap_mb")
	s.CPU, s.Threads, s.Files = count("cpu_percent"), count("threads"), count("fds")
	s.Sockets, s.Listen = count("sockets"), count("listen")
	s.Established, s.CloseWait = count("established"), count("close_wait")
	s.Group, s.GroupLimit, s.Available = mb("cgroup_mb"), mb("cgroup_limit_mb"), mb("system_available_mb")
}
