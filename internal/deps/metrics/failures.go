package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// statusLabels tell the calls that failed from those that did not.
var statusLabels = []string{"status", "status_code", "code", "http_status_code", "http_response_status_code", "result", "outcome", "error_type"}

// failureWords are the values of a status label that mean an error of the server.
var failureWords = []string{"error", "err", "fail", "failed", "failure", "timeout", "exception", "internal", "unavailable", "deadline_exceeded", "5xx"}

// ErrorRate is the share of failed calls that a counter shows, with its 95 % interval.
type ErrorRate struct {
	Metric   string  `json:"metric"`
	Endpoint string  `json:"endpoint"`
	Errors   float64 `json:"errors"`
	Calls    float64 `json:"calls"`
	Rate     float64 `json:"rate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// errorRates collects the counters with a status label, and the counts of histograms
// with one.
func (j *judge) errorRates() {
	for _, name := range j.window.now.Names() {
		if !isCounter(j.window.now, name) {
			continue
		}
		byEndpoint := map[string]ErrorRate{}
		labelled := false
		for _, g := range j.window.growths(name) {
			failed, known := isFailure(g.labels)
			labelled = labelled || known
			key := endpointOf(g.labels)
			e := byEndpoint[key]
			e.Calls += g.value
			if failed {
				e.Errors += g.value
			}
			byEndpoint[key] = e
		}
		if labelled {
			j.addRates(name, byEndpoint)
		}
	}
}

func (j *judge) addRates(name string, byEndpoint map[string]ErrorRate) {
	var all []ErrorRate
	for key, e := range byEndpoint {
		if e.Calls <= 0 {
			continue
		}
		e.Metric, e.Endpoint, e.Rate = name, key, e.Errors/e.Calls
		e.Low, e.High = trend.Wilson(e.Errors, e.Calls)
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b ErrorRate) int {
		return cmp.Or(-cmp.Compare(a.Low, b.Low), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	j.result.Errors = append(j.result.Errors, all...)
}

// isFailure reports whether labels name an error of the server; known is false if they
// have no status. A refusal such as 404 is the client's error.
func isFailure(labels map[string]string) (failed, known bool) {
	for _, name := range statusLabels {
		v, ok := labels[name]
		if !ok {
			continue
		}
		known = true
		if n, err := strconv.Atoi(v); err == nil {
			failed = failed || n >= 500 && n <= 599 || name == "error_type"
		} else if name == "error_type" {
			failed = failed || v != ""
		} else {
			failed = failed || slices.Contains(failureWords, strings.ToLower(v))
		}
	}
	return failed, known
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
