package recording

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxJSON is the largest Prometheus answer that is read, in bytes.
const maxJSON = 64 << 20

// rangeAnswer is the answer of Prometheus to a range query.
type rangeAnswer struct {
	Error string `json:"error"`
	Data  struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Metric map[string]string   `json:"metric"`
			Values []prometheusReading `json:"values"`
		} `json:"result"`
	} `json:"data"`
}

// prometheusReading is [seconds, "value"].
type prometheusReading struct{ seconds, value float64 }

// UnmarshalJSON reads the pair. The value is a string because it may be NaN.
func (r *prometheusReading) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &[]any{&r.seconds, &text}); err != nil {
		return err
	}
	var err error
	r.value, err = strconv.ParseFloat(text, 64)
	return err
}

func readPrometheus(b *bufio.Reader, r *reader) error {
	var answer rangeAnswer
	data, err := report.ReadAtMost(b, maxJSON)
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	if err != nil {
		return fmt.Errorf("reading the answer of Prometheus: %w", err)
	}
	if answer.Error != "" {
		return fmt.Errorf("it is an error of Prometheus: %s", answer.Error)
	}
	if answer.Data.ResultType != "matrix" {
		return fmt.Errorf("it is a %s of Prometheus; record a range query (api/v1/query_range)", answer.Data.ResultType)
	}
	for n, series := range answer.Data.Result {
		source := monitor.Source{Name: seriesName(series.Metric, n), Memory: memoryOf(series.Metric["__name__"]), Cached: true}
		slices.SortStableFunc(series.Values, func(a, b prometheusReading) int { return cmp.Compare(a.seconds, b.seconds) })
		for _, v := range series.Values {
			if mb := v.value / mib; monitor.IsSize(mb) && v.seconds >= 0 && v.seconds < 1e11 {
				r.add(source, monitor.NewSample(epoch(v.seconds), mb))
			}
		}
	}
	if len(answer.Data.Result) == 0 {
		return errors.New("the answer of Prometheus has no series; check the names and the labels of the query")
	}
	return nil
}

// maxName is the longest name of a series, in columns.
const maxName = 200

// seriesName names a series by the labels that identify a container or a process.
func seriesName(metric map[string]string, n int) string {
	var parts []string
	for _, label := range []string{"namespace", "pod", "container", "name", "job", "instance"} {
		if v := metric[label]; v != "" {
			parts = append(parts, v)
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("series %d", n+1)
	}
	return report.Cell(strings.Join(parts, "/"), maxName)
}

// memoryOf returns the kind of memory of a metric.
func memoryOf(metric string) monitor.Memory {
	switch {
	case strings.Contains(metric, "working_set"):
		return monitor.WorkingSet
	case strings.Contains(metric, "usage"):
		return monitor.Usage
	}
	return monitor.RSS
}
