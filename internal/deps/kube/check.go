package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

type checker struct {
	Config
	checks.List
	pods []pod
}

// Check judges the pods and returns the findings.
func Check(ctx context.Context, cfg Config) []finding.Finding {
	c := &checker{Config: cfg, List: checks.List{Group: "kube", Only: cfg.Only}}
	var all list[pod]
	err := cfg.get(ctx, "pods", &all)
	missing, forbidden := errors.AsType[*checks.MissingRightError](err)
	switch {
	case forbidden:
		c.Add("kube.connect", finding.Skip, "", nil, "missing right: %s", missing.Right)
	case err != nil:
		c.Add("kube.connect", finding.Fail, "does kubectl get pods work in this shell, with this context?", nil, "%s", report.Cell(err.Error(), 200))
	case len(all.Items) == 0:
		c.Add("kube.connect", finding.Fail, "compare the namespace and the selector: kubectl get pods --all-namespaces --show-labels", nil, "no pod matches")
	}
	if len(c.Findings) > 0 {
		return c.Findings
	}
	c.pods = all.Items
	c.Add("kube.connect", finding.Pass, "", nil, "%s", report.Plural(int64(len(c.pods)), "pod"))
	c.Run(ctx, []checks.Check{
		{ID: "kube.pods", Run: c.ready}, {ID: "kube.memory", Run: c.outOfMemory}, {ID: "kube.restarts", Run: c.restarts},
		{ID: "kube.limits", Run: c.limits}, {ID: "kube.probes", Run: c.probes}, {ID: "kube.grace", Run: c.grace}, {ID: "kube.affinity", Run: c.affinity},
		{ID: "kube.events", Run: c.events}, {ID: "kube.usage", Run: c.usage}, {ID: "kube.scaling", Run: c.scaling},
	})
	return c.Findings
}

// ready reports pods that do not take requests.
func (c *checker) ready(_ context.Context, id string) error {
	before := len(c.Findings)
	for _, p := range c.pods {
		switch {
		case p.Status.Phase == "Succeeded", p.Metadata.Deleted != nil: // it is done, or ends in a rollout
		case p.Status.Phase == "Failed": // it does not come back; others may have taken its place
			c.Add(id, finding.Warn, "kubectl describe pod "+p.name()+"; kubectl delete pod "+p.name()+" removes what is left of it", nil, "%s failed%s", p.name(), because(p.Status.Reason, p.Status.Message))
		case p.Status.Phase == "Pending" && len(p.Status.Containers) == 0:
			c.Add(id, finding.Fail, "kubectl describe pod "+p.name()+" says why it is not scheduled", nil, "%s is pending%s", p.name(), p.unscheduled())
		default:
			c.readyContainers(id, p)
		}
	}
	c.Found(before, id, "all containers are ready")
	return nil
}

// readyContainers reports the containers of a pod that are not ready. While an
// init container fails, the others only wait for it.
func (c *checker) readyContainers(id string, p pod) {
	before := len(c.Findings)
	for _, s := range p.statuses() {
		w := s.State.Waiting
		if s.Ready || w != nil && w.Reason == "PodInitializing" {
			continue
		}
		why := ""
		if w != nil {
			why = because(w.Reason, w.Message)
		}
		c.Add(id, finding.Fail, "kubectl describe pod "+p.name()+"; kubectl logs --previous", nil, "the container %s of %s is not ready%s", report.Cell(s.Name, 40), p.name(), why)
	}
	if d := p.missing("Ready"); d != nil && len(c.Findings) == before { // such as a node that is lost, and a readiness gate
		c.Add(id, finding.Fail, "kubectl describe pod "+p.name()+", and kubectl get nodes", nil, "%s is not ready%s", p.name(), because(d.Reason, d.Message))
	}
}

// because writes the reason of a state, and its message.
func because(reason, message string) (text string) {
	for _, part := range []string{report.Cell(reason, 40), report.Cell(message, 200)} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}

// unscheduled returns why a pod has no node.
func (p pod) unscheduled() string {
	if d := p.missing("PodScheduled"); d != nil {
		return because(d.Reason, d.Message)
	}
	return ""
}

// killed is the exit code of a process that got SIGKILL.
const killed = 137

// outOfMemory reports containers that were killed for their memory, and warns of those that
// were killed for a reason that Kubernetes does not give.
func (c *checker) outOfMemory(_ context.Context, id string) error {
	before := len(c.Findings)
	for _, p := range c.pods {
		for _, s := range p.statuses() {
			for _, t := range []*terminated{s.State.Terminated, s.Last.Terminated} {
				if t == nil || t.Reason != "OOMKilled" && t.ExitCode != killed {
					continue
				}
				severity, hint := finding.Fail, "mcpdiag leaktest tells a leak from a limit that is too low"
				if t.Reason != "OOMKilled" {
					severity, hint = finding.Warn, "SIGKILL: a liveness probe failed, the grace period was over, or the node had no memory; kubectl describe pod "+p.name()+" and kube.events say which"
				}
				c.Add(id, severity, hint, nil, "the container %s of %s was killed at %s: %s, exit code %d, memory limit %s",
					report.Cell(s.Name, 40), p.name(), checks.Since(t.Finished), report.Cell(t.Reason, 30), t.ExitCode, p.memoryLimit(s.Name))
			}
		}
	}
	c.Found(before, id, "no container was killed for its memory, as far as Kubernetes remembers")
	return nil
}

// restarts reports containers that restarted within a day.
func (c *checker) restarts(_ context.Context, id string) error {
	before := len(c.Findings)
	for _, p := range c.pods {
		for _, s := range p.statuses() {
			if t := s.Last.Terminated; s.Restarts > 0 && t != nil && time.Since(t.Finished) < 24*time.Hour {
				c.Add(id, finding.Warn, "kubectl logs --previous "+p.name()+" | mcpdiag logs -", nil, "the container %s of %s restarted %s, last at %s with exit code %d",
					report.Cell(s.Name, 40), p.name(), report.Plural(int64(s.Restarts), "time"), checks.Since(t.Finished), t.ExitCode)
			}
		}
	}
	c.Found(before, id, "no container restarted within a day")
	return nil
}

// limits reports containers without a limit of memory.
func (c *checker) limits(_ context.Context, id string) error {
	before := len(c.Findings)
	for _, p := range c.pods {
		for _, s := range p.running() {
			if s.Resources.Limits["memory"] == "" {
				c.Add(id, finding.Warn, "set resources.limits.memory: a leak then ends this container, and not others on the node", nil, "the container %s of %s has no memory limit", report.Cell(s.Name, 40), p.name())
			}
		}
	}
	c.Found(before, id, "all containers have a memory limit")
	return nil
}

// probes reports probes that ask the MCP endpoint, which opens sessions or refuses them.
func (c *checker) probes(_ context.Context, id string) error {
	before := len(c.Findings)
	for _, p := range c.pods {
		for _, s := range p.running() {
			for _, named := range []struct {
				name  string
				probe *probe
			}{{"liveness", s.Liveness}, {"readiness", s.Readiness}, {"startup", s.Startup}} {
				if q := named.probe; q != nil && q.HTTP != nil && strings.HasPrefix(strings.TrimRight(q.HTTP.Path, "/")+"/", "/mcp/") {
					c.Add(id, finding.Warn, "give the server a path such as /healthz that needs no session", nil, "the %s probe of %s in %s asks the MCP endpoint %s", named.name, report.Cell(s.Name, 40), p.name(), report.Cell(q.HTTP.Path, 60))
				}
			}
		}
	}
	c.Found(before, id, "no probe asks the MCP endpoint")
	return nil
}

// usualGrace is the grace period of Kubernetes in seconds.
const usualGrace = 30

// grace reports pods whose streams are cut off sooner than usual.
func (c *checker) grace(_ context.Context, id string) error {
	before := len(c.Findings)
	for _, p := range c.pods {
		if g := p.Spec.Grace; g != nil && *g < usualGrace {
			c.Add(id, finding.Warn, "raise terminationGracePeriodSeconds above the longest call or stream", nil, "%s has %d s to end its streams at a rollout", p.name(), *g)
		}
	}
	c.Found(before, id, "pods have %d s or more to end their streams", usualGrace)
	return nil
}

// affinity reports several replicas behind a service that spreads the requests of one
// session over them.
func (c *checker) affinity(ctx context.Context, id string) error {
	var deployments list[deployment]
	if err := c.get(ctx, "deployments", &deployments); err != nil {
		return err
	}
	var services list[service]
	if err := c.get(ctx, "services", &services); err != nil {
		return err
	}
	before := len(c.Findings)
	for _, d := range deployments.Items {
		labels := checks.Labels(d.Spec.Template.Metadata.Labels)
		if d.Spec.Replicas < 2 || !c.ours(d) {
			continue
		}
		for _, s := range services.Items {
			if len(s.Spec.Selector) > 0 && checks.Labels(s.Spec.Selector).In(labels) && s.Spec.Affinity != "ClientIP" {
				c.Add(id, finding.Warn, "sessionAffinity: ClientIP, affinity by the header Mcp-Session-Id in the ingress, or sessions in a store that all replicas share", nil,
					"the deployment %s has %d replicas, and the service %s has no session affinity: a session may reach a replica that does not know it", report.Cell(d.Metadata.Name, 60), d.Spec.Replicas, report.Cell(s.Metadata.Name, 60))
			}
		}
	}
	c.Found(before, id, "no deployment of several replicas is behind a service without session affinity")
	return nil
}

// ours reports whether a pod that is judged belongs to a deployment.
func (c *checker) ours(d deployment) bool {
	for _, p := range c.pods {
		if len(d.Spec.Selector.Labels) > 0 && checks.Labels(d.Spec.Selector.Labels).In(p.Metadata.Labels) {
			return true
		}
	}
	return false
}

func (p pod) name() string { return report.Cell(p.Metadata.Name, 60) }

// memoryLimit returns the limit of a container as it is written.
func (p pod) memoryLimit(container string) string {
	for _, s := range slices.Concat(p.Spec.Init, p.Spec.Containers) {
		if limit := s.Resources.Limits["memory"]; s.Name == container && limit != "" {
			return report.Cell(fmt.Sprint(limit), 20)
		}
	}
	return "none"
}
