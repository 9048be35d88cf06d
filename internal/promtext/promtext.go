// Package promtext reads metrics in the text formats of Prometheus and OpenMetrics, and in
// the protobuf format.
//
// [Parse] returns the samples of a page, [ParseProto] also its native histograms. A [Selector] picks samples by name and labels;
// [Metrics.Sum] adds them up. [Metrics.Histogram] collects the buckets of a classic
// histogram, and [Histogram.Quantile] estimates a quantile with the bounds of its bucket.
//
// It replaces the parser of github.com/prometheus/common, which panics on the page
// "{}": the servers that are asked are not trusted.
package promtext

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxSamples is the limit of samples that Parse keeps of a page.
const MaxSamples = 200_000

// Kind is the type of a metric, as its # TYPE line has it.
type Kind string

// Kinds. A metric without a # TYPE line is Untyped.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histo     Kind = "histogram"
	Summary   Kind = "summary"
	Untyped   Kind = "untyped"
	typeStart      = "# TYPE "
)

// Sample is one value of a metric.
type Sample struct {
	Labels map[string]string // nil for none
	Value  float64
}

// Metrics are the samples of a page.
type Metrics struct {
	Skipped int // lines that are not samples

	samples map[string][]Sample
	kinds   map[string]Kind
	natives map[string][]NativeSeries
	n       int
}

func newMetrics() *Metrics {
	return &Metrics{samples: map[string][]Sample{}, kinds: map[string]Kind{}, natives: map[string][]NativeSeries{}}
}

// Parse reads a page. Lines that are not samples are skipped; a page without any
// sample is an error.
func Parse(page []byte) (*Metrics, error) {
	m := newMetrics()
	var first error
	number := 0
	for line := range strings.Lines(string(page)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			m.comment(line)
			continue
		}
		name, s, err := parseSample(line)
		switch {
		case err != nil:
			m.Skipped++
			if first == nil {
				first = fmt.Errorf("not the text format of Prometheus, line %d: %w", number, err)
			}
		default:
			m.sample(name, s.Labels, s.Value)
		}
	}
	if m.n > 0 {
		return m, nil
	}
	if first == nil {
		first = errors.New("not the text format of Prometheus: it has no sample")
	}
	return nil, first
}

func (m *Metrics) comment(line string) {
	rest, ok := strings.CutPrefix(line, typeStart)
	if fields := strings.Fields(rest); ok && len(fields) == 2 && len(m.kinds) < MaxSamples {
		m.kinds[fields[0]] = Kind(fields[1])
	}
}

// Len returns the number of metric names that have samples.
func (m *Metrics) Len() int { return len(m.samples) }

// Samples returns the samples of the metric called name.
func (m *Metrics) Samples(name string) []Sample { return m.samples[name] }

// Kind returns the type of the metric called name. OpenMetrics declares counters
// without their suffix "_total".
func (m *Metrics) Kind(name string) Kind {
	for _, n := range []string{name, strings.TrimSuffix(name, "_total")} {
		if kind, ok := m.kinds[n]; ok {
			return kind
		}
	}
	return Untyped
}

// parseSample reads NAME{LABEL="VALUE",…} VALUE [TIMESTAMP], or {"NAME",…} VALUE.
func parseSample(line string) (name string, s Sample, err error) {
	end := strings.IndexAny(line, "{ \t")
	if end < 0 {
		return "", s, errors.New("no value")
	}
	name, rest := line[:end], line[end:]
	if rest[0] == '{' {
		var quoted string
		if s.Labels, quoted, rest, err = parseLabels(rest[1:]); err != nil {
			return "", s, err
		}
		if name == "" {
			name = quoted
		}
	}
	fields := strings.Fields(rest)
	if name == "" || len(fields) == 0 {
		return "", s, errors.New("no metric with a value")
	}
	if s.Value, err = strconv.ParseFloat(fields[0], 64); err != nil {
		return "", s, fmt.Errorf("invalid value %.40q", fields[0])
	}
	return name, s, nil
}

// parseLabels reads LABEL="VALUE",… up to the closing brace. A quoted string without
// "=" is the name of the metric.
func parseLabels(text string) (labels map[string]string, name, rest string, err error) {
	labels = map[string]string{}
	for {
		text = strings.TrimLeft(text, ", \t")
		if rest, ok := strings.CutPrefix(text, "}"); ok {
			return labels, name, rest, nil
		}
		var key, value string
		if key, text, err = parseKey(text); err != nil {
			return nil, "", "", err
		}
		after, assigned := strings.CutPrefix(text, "=")
		if !assigned {
			name = key
			continue
		}
		if value, text, err = parseQuoted(strings.TrimLeft(after, " \t")); err != nil {
			return nil, "", "", err
		}
		labels[key] = value
	}
}

func parseKey(text string) (key, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		key, rest, err = parseQuoted(text)
		return key, strings.TrimLeft(rest, " \t"), err
	}
	end := strings.IndexByte(text, '=')
	if end < 0 {
		return "", "", errors.New("unterminated labels")
	}
	return strings.TrimSpace(text[:end]), text[end:], nil
}

var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")

// parseQuoted reads a quoted string.
func parseQuoted(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		return "", "", errors.New("a label value without quotes")
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return unescape.Replace(text[1:i]), text[i+1:], nil
		}
	}
	return "", "", errors.New("an unterminated label value")
}
