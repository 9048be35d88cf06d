package recording

import (
	"bufio"
	"math"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
)

// readPsrecord reads a log of psrecord: after a comment with the names, lines
// of elapsed seconds, CPU in percent, real and virtual memory in MB of 2^20 bytes.
// With --include-children the memory is that of the tree.
func readPsrecord(b *bufio.Reader, r *reader) error {
	return eachLine(b, func(n int, line string) {
		if strings.HasPrefix(line, "#") || line == "" {
			return
		}
		v, ok := numbers(strings.Fields(line))
		if !ok || len(v) < 4 || v[0] < 0 || v[0] > 1e10 || !monitor.IsSize(v[2], v[3]) {
			r.Skip(n)
			return
		}
		s := monitor.NewSample(epoch(v[0]), v[2])
		s.CPU, s.VMS, s.VMSTotal = v[1], v[3], v[3]
		r.add(monitor.Source{}, s)
	})
}

// readMprof reads the data of mprof: "MEM <MiB> <seconds>" for the process,
// followed by "CHLD <number> <MiB> <seconds>" for each child when it was run with
// --multiprocess; CMDLINE and FUNC lines are skipped.
func readMprof(b *bufio.Reader, r *reader) error {
	var open *monitor.Sample // its children may follow
	flush := func() {
		if open != nil {
			r.add(monitor.Source{}, open)
		}
	}
	err := eachLine(b, func(n int, line string) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "MEM" && fields[0] != "CHLD" {
			return
		}
		v, ok := numbers(fields[1:])
		switch {
		case ok && fields[0] == "MEM" && len(v) == 2 && monitor.IsSize(v[0], v[1]):
			flush()
			open = monitor.NewSample(epoch(v[1]), v[0])
		case ok && fields[0] == "CHLD" && len(v) == 3 && monitor.IsSize(v[1]) && open != nil:
			open.RSSTotal += v[1]
			open.Children++
		default:
			r.Skip(n)
		}
	})
	flush()
	return err
}

func numbers(fields []string) ([]float64, bool) {
	v := make([]float64, len(fields))
	for i, field := range fields {
		var err error
		if v[i], err = strconv.ParseFloat(field, 64); err != nil || math.IsNaN(v[i]) || math.IsInf(v[i], 0) {
			return nil, false
		}
	}
	return v, true
}
