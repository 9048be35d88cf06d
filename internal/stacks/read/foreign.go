package read

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// signature names a format that mcpdiag does not read by its first bytes, and the
// way to a format that it reads. It returns "" for others.
func signature(data []byte) string {
	head := data[:min(len(data), 1<<12)]
	for _, f := range []struct{ mark, name, hint string }{
		{"FLR\x00", "a Java Flight Recording (JFR)", "convert it with async-profiler's jfrconv --collapsed"},
		{"PERFILE2", "a perf.data file", `write it as text with "perf script"`},
		{"# callgrind format", "a callgrind file", "open it in KCachegrind"},
		{"JAVA PROFILE 1.0", "a Java heap dump (HPROF)", "open it in Eclipse MAT"},
		{"bplist00", "a binary property list of Apple Instruments", `export the stacks with "xctrace export" or Instruments' Deep Copy`},
		{"SQLite format 3\x00", "an SQLite database, perhaps of Nsight or rocprof", "export its stacks as folded text"},
		{"Nettrace", "a .NET trace", "convert it with dotnet-trace convert --format Speedscope"},
		{"PK\x03\x04", "a ZIP archive, perhaps of Apple Instruments or PerfView", "unpack it"},
		{"\x7fELF", "a program", "record a profile of it"},
		{"\x89PNG", "a picture", "give the profile that it was made of"},
		{"%PDF", "a PDF document", "give the profile that it was made of"},
		{"\x1f\x9d", "a file compressed with compress", "unpack it"},
		{"\x04\x22\x4d\x18", "a file compressed with lz4", "unpack it, or pipe it: lz4cat FILE | mcpdiag flame -"},
		{"\xfb)\x03", cProfileName, cProfileHint},
		{"{)\x03", cProfileName, cProfileHint},
		{"\xfb\xa9\x03", cProfileName, cProfileHint},
		{"{\xa9\x03", cProfileName, cProfileHint},
		{"memray", "a recording of memray", "see it with memray flamegraph"},
		{"BZh", "a file compressed with bzip2", "unpack it, or pipe it: bzcat FILE | mcpdiag flame -"},
		{"\xfd7zXZ\x00", "a file compressed with xz", "unpack it, or pipe it: xzcat FILE | mcpdiag flame -"},
	} {
		if bytes.HasPrefix(head, []byte(f.mark)) {
			return refusal(f.name, f.hint)
		}
	}
	if bytes.HasPrefix(head, []byte("{\"snapshot\":")) {
		return heapSnapshotText
	}
	if many(head, logLine, 2) {
		return logText
	}
	if many(head, metricLine, 5) {
		return metricsText
	}
	if bytes.Contains(head, []byte("\nevents: ")) && bytes.Contains(head, []byte("\nfn=")) {
		return refusal("a callgrind file", "open it in KCachegrind")
	}
	return ""
}

// ErrUnknown means that the format of an input is not read.
var ErrUnknown = errors.New("it is no profile or trace of a known format")

// refusedError is an ErrUnknown about an input whose format is recognized.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// Is makes it an ErrUnknown.
func (*refusedError) Is(target error) bool { return target == ErrUnknown }

// refuse returns the error of an input called name.
func refuse(name, why string) error { return &refusedError{"reading " + name + ": " + why} }

// Texts that refuse inputs that other commands read.
const (
	heapSnapshotText = `this is a V8 heap snapshot, which has objects and no stacks; "mcpdiag heap" reads it`
	histogramText    = `this is a class histogram of a JVM, which has no stacks; "mcpdiag heap" reads it`
	tracemallocText  = `this is a document of tracemalloc; "mcpdiag heap" reads it`
	metricsText      = `these are metrics in the format of Prometheus, which have no stacks; "mcpdiag metrics" reads them from a server`
	logText          = `these are lines of a log, which mcpdiag flame does not draw; "mcpdiag logs" reads them`
)

const (
	pprofName    = "a report of pprof"
	pprofHint    = "give the profile that it was made of"
	cProfileName = "a profile of Python's cProfile"
	cProfileHint = "record with py-spy record --format raw"
)

func refusal(name, hint string) string {
	return fmt.Sprintf("this is %s, which mcpdiag does not read; %s", name, hint)
}

// foreign names a format that mcpdiag does not read, once it is clear that the
// input is in none that it reads: a part of a text proves little by itself.
func foreign(data []byte) string {
	if name := signature(data); name != "" {
		return name
	}
	head := data[:min(len(data), 1<<12)]
	for _, f := range []struct{ part, name, hint string }{
		{"\nevents: ", "a callgrind file", "open it in KCachegrind"},
		{"<trace-query-result", "an export of Apple Instruments", "copy the call tree with Deep Copy and fold it with stackcollapse-instruments.pl"},
		{"Running Time\tSelf", "a call tree of Apple Instruments", "fold it with stackcollapse-instruments.pl"},
		{"Call graph:", "a report of macOS sample", "fold it with stackcollapse-sample.awk"},
		{"\nFull thread dump", "a Java thread dump", "fold it with stackcollapse-jstack.pl"},
		{"Samples: ", "a report of perf", `write the samples with "perf script"`},
		{"Flat profile:", "a report of gprof", "record with perf and use perf script"},
		{"function calls", "a report of Python's cProfile", cProfileHint},
		{"\nThread ", "a dump of stacks, as of py-spy", "record with py-spy record --format raw"},
		{"Showing nodes accounting for", pprofName, pprofHint},
		{"\nPeriodType: ", pprofName, pprofHint},
		{"\n-----------+-----", pprofName, pprofHint},
		{"\n@[", "a map of bpftrace", "fold it with stackcollapse-bpftrace.pl"},
		{"Statistical profiling result", "a report of node --prof-process", "use node --cpu-prof"},
		{"v8-version,", "a log of node --prof", "use node --cpu-prof"},
		{"\n<!DOCTYPE html", "an HTML page", "give the profile behind it"},
		{"\n<html", "an HTML page", "give the profile behind it"},
	} {
		if bytes.Contains(append([]byte("\n"), head...), []byte(f.part)) {
			return refusal(f.name, f.hint)
		}
	}
	return ""
}

// otherKind describes bytes that are no text, by their look.
func otherKind(data []byte) string {
	head := data[:min(len(data), 64)]
	if len(head) >= 8 && bytes.Count(head, []byte{0}) >= len(head)/2 && !bytes.ContainsFunc(head, func(r rune) bool { return r >= 0x80 }) {
		return "it looks like text in UTF-32; write it as UTF-8"
	}
	return ""
}

// logLine begins a line of a log, which may end in a number as folded stacks do.
var logLine = regexp.MustCompile(`^\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d`)

// metricLine matches a sample with labels, or a comment, on a page of metrics.
var metricLine = regexp.MustCompile(`^(# (HELP|TYPE|UNIT) \S|[A-Za-z_:][\w:]*\{\w+="[^\n]*\} +[-+0-9.eEInfNa]+\s*$)`)

// many reports whether more than one in n lines that text begins with match.
func many(text []byte, expression *regexp.Regexp, n int) bool {
	matched, all := 0, 0
	for line := range bytes.Lines(text) {
		all++
		if expression.Match(line) {
			matched++
		}
	}
	return n*matched > all
}

// Text that is no stack: the beginning of an item, a quotation or a heading in
// Markdown, the key of a value, numbers, and four words or more with one that hardly occurs in names.
var (
	key      = regexp.MustCompile(`[:=,]$|^[\d.\s]+$`)
	markdown = regexp.MustCompile(`^\s*([-*+>|]|\d+[.)]|#{2,6})\s`)
	words    = regexp.MustCompile(`^(?:["'(*_]*[\pL'’-]+[*_]*[.,:;!?)"']*[ \t]+){3,}`)
	stopword = regexp.MustCompile(`(?i)[ \t](?:the|an?|of|to|is|are|was|were|and|or|in|for|at|we|it|with|by|from|than|that|this|but|not|per|des?|der|die|das|und|le|la|les|et|el|los|y)[ \t]`)
)

// isProse reports whether text before a number reads like a sentence. Frames are
// separated by ; without a space after it.
func isProse(text []byte) bool {
	if i := bytes.IndexByte(text, ';'); i >= 0 && i+1 < len(text) && text[i+1] != ' ' {
		return false
	}
	text = text[:min(len(text), 1<<10)]
	spaced := slices.Concat([]byte(" "), text, []byte(" "))
	return markdown.Match(text) || key.Match(text) || words.Match(spaced[1:]) && stopword.Match(spaced)
}
