package snapshot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// sample is one line of metrics in Prometheus' text format. The parser of
// github.com/prometheus/common was left: it panics on the text "{}", and the
// servers that are asked are not trusted.
type sample struct {
	labels map[string]string
	value  float64
}

// parseSamples reads the samples of each metric. A line that is none is passed
// over, unless there is no other.
func parseSamples(data []byte) (map[string][]sample, error) {
	all := map[string][]sample{}
	var first error
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, s, err := parseSample(line)
		if err != nil {
			if first == nil {
				first = fmt.Errorf("not the text format of Prometheus, line %d: %w", number, err)
			}
			continue
		}
		all[name] = append(all[name], s)
	}
	if len(all) > 0 {
		return all, nil
	}
	if first == nil {
		first = errors.New("not the text format of Prometheus: there is no sample in it")
	}
	return nil, first
}

// parseSample reads NAME{LABEL="VALUE",…} VALUE [TIMESTAMP].
func parseSample(line string) (name string, s sample, err error) {
	end := strings.IndexAny(line, "{ \t")
	if end <= 0 {
		return "", s, errors.New("no metric with a value")
	}
	name, rest := line[:end], line[end:]
	if rest[0] == '{' {
		if s.labels, rest, err = parseLabels(rest[1:]); err != nil {
			return "", s, err
		}
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return "", s, errors.New("no value")
	}
	if s.value, err = strconv.ParseFloat(fields[0], 64); err != nil {
		return "", s, fmt.Errorf("%.40q is no value", fields[0])
	}
	return name, s, nil
}

// parseLabels reads LABEL="VALUE",… up to the closing brace.
func parseLabels(text string) (labels map[string]string, rest string, err error) {
	labels = map[string]string{}
	for {
		text = strings.TrimLeft(text, ", \t")
		if rest, ok := strings.CutPrefix(text, "}"); ok {
			return labels, rest, nil
		}
		name, value, ok := strings.Cut(text, "=")
		value = strings.TrimLeft(value, " \t")
		if !ok || value == "" || value[0] != '"' {
			return nil, "", errors.New("labels that do not end")
		}
		end := quoteEnd(value)
		if end < 0 {
			return nil, "", errors.New("a label's value that does not end")
		}
		labels[strings.TrimSpace(name)] = unescape.Replace(value[1:end])
		text = value[end+1:]
	}
}

// quoteEnd is where the quote is that closes the one text begins with, or -1.
func quoteEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")
