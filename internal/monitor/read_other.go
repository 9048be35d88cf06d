package monitor

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// readPsrecord reads a log of psrecord: after a comment with the names, lines
// of elapsed seconds, CPU in percent, real and virtual memory in MB of 2^20 bytes.
// With --include-children the memory is that of the tree.
func readPsrecord(b *bufio.Reader, r *recording) error {
	return eachLine(b, func(n int, line string) {
		if strings.HasPrefix(line, "#") || line == "" {
			return
		}
		v, ok := numbers(strings.Fields(line))
		if !ok || len(v) < 4 || v[0] < 0 || v[0] > 1e10 || !sizes(v[2], v[3]) {
			r.skip(n)
			return
		}
		s := blankSample(v[0], v[2])
		s.CPU, s.VMS, s.VMSTotal = v[1], v[3], v[3]
		r.add(s)
	})
}

// readMprof reads the data of mprof: "MEM <MiB> <seconds>" for the process,
// followed by "CHLD <number> <MiB> <seconds>" for each child when it was run with
// --multiprocess; CMDLINE and FUNC lines are passed over.
func readMprof(b *bufio.Reader, r *recording) error {
	var open *Sample // its children may follow
	flush := func() {
		if open != nil {
			r.add(open)
		}
	}
	err := eachLine(b, func(n int, line string) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "MEM" && fields[0] != "CHLD" {
			return
		}
		v, ok := numbers(fields[1:])
		switch {
		case ok && fields[0] == "MEM" && len(v) == 2 && sizes(v[0], v[1]):
			flush()
			open = blankSample(v[1], v[0])
		case ok && fields[0] == "CHLD" && len(v) == 3 && sizes(v[1]) && open != nil:
			open.RSSTotal += v[1]
			open.Children++
		default:
			r.skip(n)
		}
	})
	flush()
	return err
}

func blankSample(seconds, rss float64) *Sample {
	return &Sample{At: epoch(seconds), RSS: rss, RSSTotal: rss, Detail: process.NoDetail(), Available: math.NaN()}
}

// eachLine calls f with each line and its number.
func eachLine(b *bufio.Reader, f func(n int, line string)) error {
	lines := bufio.NewScanner(b)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		f(n, strings.TrimSpace(lines.Text()))
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("its line %d is longer than %d KiB", n+1, maxLine>>10)
	}
	return lines.Err()
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
