package recording

import (
	"bufio"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
)

// lineReader reads the log of a shell loop around a tool that prints memory.
type lineReader struct {
	*reader
	clock   clock
	columns map[string]int    // of the last header of ps or pidstat
	seen    map[sourceID]bool // since the last tick
	bytes   bool              // bare numbers are bytes of a cgroup file, not kB of ps
	untimed bool              // a reading has no time
	read    int               // readings
}

type sourceID struct {
	pid  int
	name string
}

// errUntimed asks for the time between readings.
var errUntimed = errors.New("the lines have no time stamps; give the time from one reading to the next, for example --every 5s")

func readLines(b *bufio.Reader, r *reader) error {
	start, _ := b.Peek(4096) // there is a start: Read has seen it
	l := &lineReader{reader: r, clock: clock{every: r.opts.Every}, seen: map[sourceID]bool{}, bytes: isCgroupFile(string(start))}
	err := eachLine(b, l.line)
	switch {
	case err != nil:
		return err
	case l.read == 0:
		return errFormat
	case l.untimed:
		return errUntimed
	}
	return nil
}

// leastUsage is less than any container uses, in bytes. As kB it would be 4 GB.
const leastUsage = 4 << 20

// isCgroupFile reports whether the bare numbers of a log are bytes: memory.current is a
// multiple of the page size, which sizes in kB rarely all are.
func isCgroupFile(start string) bool {
	numbers := 0
	for line := range strings.Lines(start) {
		_, line, _ = cutStamp(strings.TrimSpace(line))
		n, err := strconv.ParseUint(line, 10, 64)
		if err != nil || !strings.HasSuffix(start, "\n") && strings.HasSuffix(start, line) {
			continue // not a number, or cut off
		}
		if n%4096 != 0 || n < leastUsage {
			return false
		}
		numbers++
	}
	return numbers > 0
}

// maxLogLine is the longest line of a log that is read: it bounds the names in it.
const maxLogLine = 4 << 10

// escapes are the sequences with which docker stats clears the screen.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

func (l *lineReader) line(n int, line string) {
	if len(line) > maxLogLine {
		l.Skip(n)
		return
	}
	line = strings.TrimSpace(escapes.ReplaceAllString(line, ""))
	if at, rest, ok := cutStamp(line); ok {
		l.clock.set(at)
		clear(l.seen)
		line = rest
	}
	if line == "" || strings.HasPrefix(line, "Average:") || l.header(line) {
		return
	}
	for _, parse := range []func(string) (monitor.Source, *monitor.Sample, bool){
		l.kubectl, l.dockerTable, l.dockerJSON, l.table, l.cgroupStat, l.bare,
	} {
		if source, s, ok := parse(line); ok {
			l.reading(source, s)
			return
		}
	}
	if l.read > 0 && !isNoise(line) {
		l.Skip(n)
	}
}

// cgroupKey is the shape of a line of memory.stat.
var cgroupKey = regexp.MustCompile(`^[a-z_0-9]+ \d+$`)

// isNoise reports whether a line is a known part of a format that Read does not use.
func isNoise(line string) bool {
	return cgroupKey.MatchString(line) || strings.HasPrefix(line, "Linux ") || line == "max" // memory.max
}

// reading adds a sample with its time. A source that was read since the last stamp
// or tick begins the next reading.
func (l *lineReader) reading(source monitor.Source, s *monitor.Sample) {
	id := sourceID{source.PID, source.Name}
	if l.seen[id] || l.clock.now.IsZero() {
		l.untimed = l.untimed || l.seen[id] && l.clock.every == 0
		l.clock.tick()
		clear(l.seen)
	}
	if len(l.seen) < maxSources {
		l.seen[id] = true
	}
	l.read++
	s.At = l.clock.now
	l.add(source, s)
}

// maxSources bounds the sources of one reading.
const maxSources = 10_000

// header remembers the columns of ps and pidstat, and skips other headers.
func (l *lineReader) header(line string) bool {
	fields := strings.Fields(strings.TrimPrefix(line, "#"))
	if len(fields) > 0 && fields[0] == "Time" { // of pidstat -h: in the rows it is the stamp
		fields = fields[1:]
	}
	columns := map[string]int{}
	for i, name := range fields {
		columns[name] = i
	}
	_, rss := columns["RSS"]
	_, pid := columns["PID"]
	switch {
	case rss && (pid || len(fields) == 1 || columns["VSZ"] > 0):
		l.columns = columns
		return true
	case strings.Contains(line, "MEMORY(bytes)"), strings.Contains(line, "MEM USAGE"):
		return true
	}
	return false
}

// table reads a line of ps or pidstat by the columns of the last header.
func (l *lineReader) table(line string) (monitor.Source, *monitor.Sample, bool) {
	fields := strings.Fields(line)
	number := func(name string) (float64, bool) {
		i, ok := l.columns[name]
		if !ok || i >= len(fields) {
			return 0, false
		}
		v, err := strconv.ParseFloat(strings.Replace(fields[i], ",", ".", 1), 64)
		return v, err == nil
	}
	rss, ok := number("RSS")
	if !ok || len(l.columns) > 1 && len(fields) < 2 || !monitor.IsSize(rss/1024) {
		return monitor.Source{}, nil, false
	}
	s := monitor.NewSample(l.clock.now, rss/1024)
	if vsz, ok := number("VSZ"); ok && monitor.IsSize(vsz/1024) {
		s.VMS, s.VMSTotal = vsz/1024, vsz/1024
	}
	pid, _ := number("PID")
	s.PID = int(min(max(0, pid), 1<<30))
	return monitor.Source{PID: s.PID}, s, true
}

// kubectlRow is a line of kubectl top: names, CPU, memory, maybe a share of each.
var kubectlRow = regexp.MustCompile(`^(\S+(?:\s+\S+){0,2})\s+\d+(?:m|n|u)?(?:\s+\d+%)?\s+(\d+(?:Ki|Mi|Gi|Ti)?)(?:\s+\d+%)?$`)

// kubectl reads a line of kubectl top. Its figure is the working set, from a cache.
func (l *lineReader) kubectl(line string) (monitor.Source, *monitor.Sample, bool) {
	m := kubectlRow.FindStringSubmatch(line)
	if m == nil || !strings.HasSuffix(m[2], "i") {
		return monitor.Source{}, nil, false
	}
	size, ok := parseSize(m[2])
	name := strings.Join(strings.Fields(m[1]), "/")
	return monitor.Source{Name: name, Memory: monitor.WorkingSet, Cached: true}, monitor.NewSample(l.clock.now, size), ok
}

// dockerRow is a line of docker stats: container, name, CPU, memory and its limit; or with
// --format '{{.Name}} {{.MemUsage}}' the name and the memory.
var dockerRow = regexp.MustCompile(`^(\S+)\s+(?:(?:(\S+)\s+)?[\d.]+%\s+)?(\S+B / \S+B)\s`)

// dockerTable reads a line of docker stats.
func (l *lineReader) dockerTable(line string) (monitor.Source, *monitor.Sample, bool) {
	m := dockerRow.FindStringSubmatch(line + " ")
	if m == nil {
		return monitor.Source{}, nil, false
	}
	name := m[2]
	if name == "" {
		name = m[1]
	}
	return l.docker(name, m[3])
}

// dockerJSON reads a line of docker stats --format json.
func (l *lineReader) dockerJSON(line string) (monitor.Source, *monitor.Sample, bool) {
	var row struct{ Name, Container, ID, MemUsage string }
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &row) != nil {
		return monitor.Source{}, nil, false
	}
	for _, name := range []string{row.Name, row.Container, row.ID, "container"} {
		if name != "" {
			return l.docker(name, row.MemUsage)
		}
	}
	return monitor.Source{}, nil, false
}

// docker reads the memory of a container and its limit: "104.3MiB / 512MiB". The
// figure is the usage of the cgroup without inactive files, which is the working set.
func (l *lineReader) docker(name, usage string) (monitor.Source, *monitor.Sample, bool) {
	used, limit, _ := strings.Cut(usage, " / ")
	size, ok := parseSize(used)
	source := monitor.Source{Name: name, Memory: monitor.WorkingSet}
	source.Limit, _ = parseSize(limit) // 0: unknown
	return source, monitor.NewSample(l.clock.now, size), ok
}

// cgroupStat reads the line "anon N" of memory.stat, in version 1 "total_rss N": memory
// that is not page cache.
func (l *lineReader) cgroupStat(line string) (monitor.Source, *monitor.Sample, bool) {
	key, text, _ := strings.Cut(line, " ")
	bytes, err := strconv.ParseUint(text, 10, 60)
	return monitor.Source{Name: key}, monitor.NewSample(l.clock.now, float64(bytes)/mib), (key == "anon" || key == "total_rss") && err == nil
}

// bare reads a line that is one number: bytes of memory.current, or kB of ps -o rss=.
func (l *lineReader) bare(line string) (monitor.Source, *monitor.Sample, bool) {
	n, err := strconv.ParseUint(line, 10, 60)
	if err != nil {
		return monitor.Source{}, nil, false
	}
	if l.bytes {
		return monitor.Source{Name: "memory.current", Memory: monitor.Usage}, monitor.NewSample(l.clock.now, float64(n)/mib), true
	}
	size := float64(n) / 1024
	return monitor.Source{}, monitor.NewSample(l.clock.now, size), monitor.IsSize(size)
}

const mib = 1 << 20

// units are those of kubectl and docker in bytes.
var units = map[string]float64{
	"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"Ki": 1 << 10, "KiB": 1 << 10, "Mi": mib, "MiB": mib, "Gi": 1 << 30, "GiB": 1 << 30, "Ti": 1 << 40, "TiB": 1 << 40,
}

// parseSize reads a size such as 2048Mi or 1.5GiB in MB.
func parseSize(text string) (mb float64, ok bool) {
	text = strings.Replace(text, ",", ".", 1)
	digits := strings.TrimRight(text, "kKMGTiB")
	v, err := strconv.ParseFloat(digits, 64)
	unit, known := units[text[len(digits):]]
	mb = v * unit / mib
	if err != nil || !known || !monitor.IsSize(mb) {
		return 0, false
	}
	return mb, true
}
