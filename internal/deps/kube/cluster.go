package kube

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// The share of its memory limit from which a container is a finding.
const (
	usageWarn = 0.85
	usageFail = 0.95
)

// usage compares the memory of containers with their limits.
func (c *checker) usage(ctx context.Context, id string) error {
	var all list[podMetrics]
	if err := c.get(ctx, "pods.metrics.k8s.io", &all); err != nil {
		return err
	}
	before, measured := len(c.Findings), 0
	for _, m := range all.Items {
		i := slices.IndexFunc(c.pods, func(p pod) bool { return p.Metadata.Name == m.Metadata.Name })
		if i < 0 {
			continue
		}
		for _, s := range m.Containers {
			used, limit := bytesOf(s.Usage["memory"]), bytesOf(c.pods[i].memoryLimit(s.Name))
			if used <= 0 || limit <= 0 {
				continue
			}
			measured++
			if severity := finding.Graded(used/limit, usageWarn, usageFail); severity != finding.Pass {
				c.Add(id, severity, "mcpdiag monitor or a log of kubectl top, read by mcpdiag monitor --read, shows whether it grows", nil, "the working set of the container %s of %s is %s of its limit of %s (%s)",
					report.Cell(s.Name, 40), c.pods[i].name(), report.MB(used/(1<<20)), report.MB(limit/(1<<20)), report.Percent(used/limit))
			}
		}
	}
	c.Found(before, id, "the working set of %s is below %s of the limit", report.Plural(int64(measured), "container"), report.Percent(usageWarn))
	return nil
}

// units are the suffixes of quantities that memory is written with.
var units = map[string]float64{
	"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "m": 1e-3,
	"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50,
}

// bytesOf reads a quantity such as 512Mi or 129e6; 0 if it is none.
func bytesOf(quantity string) float64 {
	digits := strings.TrimRight(quantity, "kKMGTPim")
	n, err := strconv.ParseFloat(digits, 64)
	unit, known := units[quantity[len(digits):]]
	if err != nil || !known || !(n >= 0 && n < 1e18) {
		return 0
	}
	return n * unit
}

// eventAge is the age up to which an event is a finding. Kubernetes keeps them for an hour.
const eventAge = time.Hour

// events reports the warnings of Kubernetes about the pods, such as probes that fail.
func (c *checker) events(ctx context.Context, id string) error {
	var all list[event]
	if err := c.get(ctx, "events", &all); err != nil {
		return err
	}
	type kind struct{ pod, reason, message string }
	counts := map[kind]int64{}
	for _, e := range all.Items {
		ours := slices.ContainsFunc(c.pods, func(p pod) bool { return e.Object.Kind == "Pod" && p.Metadata.Name == e.Object.Name })
		if ours && e.Type == "Warning" && time.Since(e.last()) < eventAge {
			counts[kind{e.Object.Name, e.Reason, e.Message}] += max(1, e.Count, e.Series.Count)
		}
	}
	before := len(c.Findings)
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b kind) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.pod+a.reason+a.message, b.pod+b.reason+b.message))
	})
	for _, k := range kinds[:min(len(kinds), 10)] {
		c.Add(id, finding.Warn, "kubectl describe pod "+report.Cell(k.pod, 60), nil, "%s, %s in the last hour: %s: %s", report.Cell(k.pod, 60), report.Plural(counts[k], "time"), report.Cell(k.reason, 40), report.Cell(k.message, 200))
	}
	c.Found(before, id, "no warning about these pods in the last hour")
	return nil
}

// scaling reports autoscalers that want more replicas than they may have.
func (c *checker) scaling(ctx context.Context, id string) error {
	var all list[autoscaler]
	if err := c.get(ctx, "horizontalpodautoscalers", &all); err != nil {
		return err
	}
	before := len(c.Findings)
	for _, h := range all.Items {
		limited := slices.ContainsFunc(h.Status.Conditions, func(d condition) bool {
			return d.Type == "ScalingLimited" && d.Status == "True" && d.Reason == "TooManyReplicas"
		})
		if limited && c.owns(h.Spec.Target.Name) {
			c.Add(id, finding.Warn, "raise maxReplicas, or find out what each replica is busy with: mcpdiag flame. More replicas need sessions that all of them know", nil,
				"the autoscaler %s has %d of at most %d replicas, and wants more", report.Cell(h.Metadata.Name, 60), h.Status.Current, h.Spec.Max)
		}
	}
	c.Found(before, id, "no autoscaler is at its maximum")
	return nil
}

// owns reports whether a workload made one of the pods: their names begin with its name.
func (c *checker) owns(workload string) bool {
	return workload != "" && slices.ContainsFunc(c.pods, func(p pod) bool { return strings.HasPrefix(p.Metadata.Name, workload+"-") })
}
