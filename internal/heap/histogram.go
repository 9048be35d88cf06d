package heap

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

const (
	maxHistogramLine = 8 << 10 // bytes
	maxHistogram     = 500_000 // classes
	maxClassName     = 200     // columns
	maxDimensions    = 255     // of an array, as the JVM allows
)

// Lines of a class histogram, as jcmd GC.class_histogram and jmap -histo write it.
var (
	histogramRow   = regexp.MustCompile(`^\s*\d+:\s+(\d+)\s+(\d+)\s+(\S.*?)\s*$`)
	histogramTotal = regexp.MustCompile(`^Total\s+(\d+)\s+(\d+)\s*$`)
	histogramLike  = regexp.MustCompile(`^(\s*\d+:|Total)\s+\S`) // a row or a total whose numbers cannot be read
)

// parseHistogram reads the class histogram of a JVM. The objects of classes with one
// name, of several loaders, are added up.
func parseHistogram(in io.Reader) (*graph.Summary, error) {
	s := &graph.Summary{Classes: map[string]graph.Sum{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxHistogramLine)
	number, whole := 1, false
	for ; lines.Scan(); number++ {
		done, err := addLine(s, lines.Text(), whole)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		whole = whole || done
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d is longer than %d bytes", number, maxHistogramLine)
	case err != nil:
		return nil, err
	case !whole:
		return nil, errors.New("its line Total is missing: was it written completely?")
	}
	return s, nil
}

// addLine adds a line of a histogram and reports whether it is the last one, as whole says
// of a line before.
func addLine(s *graph.Summary, line string, whole bool) (bool, error) {
	row, total := histogramRow.FindStringSubmatch(line), histogramTotal.FindStringSubmatch(line)
	switch {
	case whole && (row != nil || total != nil):
		return true, errors.New("here begins another histogram: store each in a file of its own")
	case row != nil:
		return false, addClass(s, row)
	case total != nil:
		return true, checkTotal(s, total)
	case !whole && histogramLike.MatchString(line):
		return false, fmt.Errorf("%.100q: the name of a class must follow two whole numbers without separators, of objects and of bytes", report.Cell(line, 100))
	}
	return false, nil
}

// addClass adds a line of a histogram.
func addClass(s *graph.Summary, row []string) error {
	sum, err := sumOf(row)
	if err != nil {
		return err
	}
	if s.Total.Count > math.MaxInt64-sum.Count || s.Total.Bytes > math.MaxInt64-sum.Bytes {
		return errors.New("the sums are too large")
	}
	s.Total.Add(sum)
	name := className(row[3])
	of := s.Classes[name]
	of.Add(sum)
	s.Classes[name] = of
	if len(s.Classes) > maxHistogram {
		return fmt.Errorf("it has more than %d classes", maxHistogram)
	}
	return nil
}

// sumOf returns the objects and bytes of a line.
func sumOf(row []string) (sum graph.Sum, err error) {
	if sum.Count, err = strconv.ParseInt(row[1], 10, 64); err != nil {
		return sum, fmt.Errorf("%.30s objects are too many", row[1])
	}
	if sum.Bytes, err = strconv.ParseInt(row[2], 10, 64); err != nil {
		return sum, fmt.Errorf("%.30s bytes are too many", row[2])
	}
	return sum, nil
}

func checkTotal(s *graph.Summary, row []string) error {
	total, err := sumOf(row)
	if err == nil && total != s.Total {
		err = fmt.Errorf("its total is %d objects of %d bytes, and its lines add up to %d of %d: lines are missing", total.Count, total.Bytes, s.Total.Count, s.Total.Bytes)
	}
	return err
}

var (
	moduleOf    = regexp.MustCompile(` \([^()]*\)$`)
	hiddenClass = regexp.MustCompile(`[/+](0x)?[0-9a-f]+\b`) // the address of a class that was made at run time
	primitives  = map[string]string{"Z": "boolean", "B": "byte", "C": "char", "S": "short", "I": "int", "J": "long", "F": "float", "D": "double"}

	// platform matches classes of the JVM itself and arrays of numbers.
	platform = regexp.MustCompile(`^(java|javax|jdk|sun|com\.sun)\.|^(boolean|byte|char|short|int|long|float|double)\[\]`)
)

// className returns a name as a program writes it, without its module: the JVM writes
// [Ljava.lang.String; for an array.
func className(name string) string {
	name = moduleOf.ReplaceAllString(name, "")
	element := strings.TrimLeft(name, "[")
	if depth := len(name) - len(element); depth > 0 {
		if name = primitives[element]; name == "" {
			name = strings.TrimSuffix(strings.TrimPrefix(element, "L"), ";")
		}
		name += strings.Repeat("[]", min(depth, maxDimensions))
	}
	return report.Cell(hiddenClass.ReplaceAllString(name, ""), maxClassName)
}

// CompareHistograms finds the classes whose live objects have grown. Those of the
// program come first: memory of the JVM's own classes is mostly a part of theirs.
func CompareHistograms(a, b *graph.Summary, operations int) *Result {
	res := &Result{Schema: Schema, Operations: operations, byClass: true, Classes: classList(grownClasses(a, b), operations)}
	for i := range res.Classes {
		c := &res.Classes[i]
		gaps := fillers[c.Name] && float64(c.Bytes) <= deadShare*float64(b.Total.Bytes)
		c.Judged = !gaps && c.Objects >= minKept && operations > 0 && *c.ObjectsPerOperation >= minPerOperation
	}
	slices.SortFunc(res.Classes, func(x, y Class) int {
		return cmp.Or(-compareBool(x.Judged, y.Judged), compareBool(x.platform(), y.platform()), cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name))
	})
	res.Classes = res.Classes[:min(len(res.Classes), maxClasses)]
	res.judge(keep(b.Total.Count-a.Total.Count, b.Total.Bytes-a.Total.Bytes, operations), "no class has an object more per two operations")
	return res
}

// Collectors leave gaps of at most deadShare of the heap (MarkSweepDeadRatio) between
// live objects and fill them with objects of these classes.
var fillers = map[string]bool{"int[]": true, "java.lang.Object": true, "jdk.internal.vm.FillerObject": true, "jdk.internal.vm.FillerElement[]": true}

const deadShare = 0.05

func (c *Class) platform() bool { return platform.MatchString(c.Name) }

// InspectHistogram lists the largest classes.
func InspectHistogram(s *graph.Summary) *Result {
	return &Result{
		Schema: Schema, Verdict: Measured, Classes: largest(classList(s.Classes, 0)), byClass: true,
		Headline: fmt.Sprintf("the heap holds %s in %s", report.Plural(s.Total.Count, "object"), size(float64(s.Total.Bytes))),
	}
}

// classSentence describes the class that leads, and the one with the most bytes.
func (r *Result) classSentence() string {
	lead, most := &r.Classes[0], &r.Classes[0]
	for i := range r.Classes {
		if c := &r.Classes[i]; c.Judged == lead.Judged && c.Bytes > most.Bytes {
			most = c
		}
	}
	text := lead.sentence()
	if most != lead {
		text += "; most bytes are of " + most.Name + ": " + most.describe()
	}
	return text
}

func (c *Class) sentence() string { return c.describe() + " of the class " + c.Name + " stay" }
