//go:build unix

package kube

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// standIn is a kubectl that replays answers, and records its arguments.
func standIn(t *testing.T, answers map[string]string) (program, log string) {
	t.Helper()
	dir := t.TempDir()
	for kind, answer := range answers {
		if err := os.WriteFile(filepath.Join(dir, kind), []byte(answer), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program, log = filepath.Join(dir, "kubectl"), filepath.Join(dir, "log")
	script := "#!/bin/sh\necho \"$@\" >> " + log + "\ncd " + dir + "\nif [ -f \"$2.error\" ]; then cat \"$2.error\" >&2; exit 1; fi\nexec cat \"$2\"\n"
	processtest.WriteProgram(t, program, []byte(script))
	return program, log
}

func check(t *testing.T, address, program string) []finding.Finding {
	t.Helper()
	cfg, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Program, cfg.Only = program, func(string) bool { return true }
	return Check(t.Context(), cfg)
}

// sections reads the parts of a file with the times of today.
func sections(t *testing.T, file string) map[string]string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range archive.Files {
		all[f.Name] = string(f.Data)
	}
	return all
}

// answersOf returns what kubectl answers where the pod has a status, in the wrapper and
// with the times of today. Pairs are replaced in all answers.
func answersOf(t *testing.T, status string, pairs ...string) map[string]string {
	t.Helper()
	podText, err := os.ReadFile("testdata/pod.json")
	if err != nil {
		t.Fatal(err)
	}
	items := sections(t, "others.txtar")
	items["pods"] = strings.Replace(string(podText), "STATUS", sections(t, "status.txtar")[status], 1)
	ago := func(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339) }
	times := strings.NewReplacer("STARTED", ago(30*time.Hour), "FINISHED", ago(time.Hour), "RECENTLY", ago(time.Minute))
	for kind, item := range items {
		item = strings.NewReplacer(pairs...).Replace(item)
		items[kind] = `{"apiVersion": "v1", "items": [` + times.Replace(item) + `], "kind": "List", "metadata": {"resourceVersion": ""}}`
	}
	return items
}

// Healthy pods give no finding, and kubectl is run with listed arguments only.
func TestHealthyPods(t *testing.T) {
	t.Parallel()
	program, log := standIn(t, answersOf(t, "healthy"))
	list := check(t, "prod/default/app=mcp", program)
	depstest.Healthy(t, list)
	depstest.Wants(t, list, "kube.usage", finding.Pass, "of 1 container is below 85.0 %")
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	const flags = " --output=json --request-timeout=3s --context=prod --namespace=default"
	want := "get pods" + flags + " --selector=app=mcp\n"
	for _, kind := range []string{"deployments", "services", "events", "pods.metrics.k8s.io", "horizontalpodautoscalers"} {
		want += "get " + kind + flags + "\n"
	}
	if string(text) != want {
		t.Errorf("kubectl was run as\n%s", text)
	}
}

// Planted faults are named.
func TestPlantedPods(t *testing.T) {
	t.Parallel()
	type wanted struct {
		id       string
		severity finding.Severity
		part     string
	}
	for name, tc := range map[string]struct {
		status string
		pairs  []string // replaced in the healthy answers
		want   []wanted
	}{
		"killed for its memory": {"killed", nil, []wanted{
			{"kube.pods", finding.Fail, "the container mcp of mcp-7d8f9c4b5-abc12 is not ready: CrashLoopBackOff: back-off 5m0s restarting"},
			{"kube.memory", finding.Fail, "OOMKilled, exit code 137, memory limit 512Mi"},
			{"kube.restarts", finding.Warn, "restarted 7 times"},
		}},
		"killed by a probe": {"killed", []string{"OOMKilled", "Error"}, []wanted{{"kube.memory", finding.Warn, "Error, exit code 137"}}},
		"crashes":           {"crash", nil, []wanted{{"kube.pods", finding.Fail, "CrashLoopBackOff: back-off 40s"}, {"kube.restarts", finding.Warn, "with exit code 1"}, {"kube.memory", finding.Pass, ""}}},
		"image":             {"image", nil, []wanted{{"kube.pods", finding.Fail, `ImagePullBackOff: Back-off pulling image "registry.example.com/shop/mcp:1.4"`}, {"kube.restarts", finding.Pass, ""}}},
		"evicted":           {"evicted", nil, []wanted{{"kube.pods", finding.Warn, "mcp-7d8f9c4b5-abc12 failed: Evicted: The node was low on resource: memory."}}},
		"no node":           {"unscheduled", nil, []wanted{{"kube.pods", finding.Fail, "is pending: Unschedulable: 0/3 nodes are available"}}},
		"initializes":       {"init", nil, []wanted{{"kube.pods", finding.Fail, "the container migrate of mcp-7d8f9c4b5-abc12 is not ready: CrashLoopBackOff"}}},
		"second replica without affinity": {"healthy", []string{`"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}`, `"sessionAffinity": "None"`},
			[]wanted{{"kube.affinity", finding.Warn, "the deployment mcp has 2 replicas, and the service mcp has no session affinity"}}},
		"autoscaler at its maximum": {"healthy", []string{`"currentReplicas": 2`, `"currentReplicas": 5`, "DesiredWithinRange", "TooManyReplicas", `"status": "False", "type": "ScalingLimited"`, `"status": "True", "type": "ScalingLimited"`},
			[]wanted{{"kube.scaling", finding.Warn, "the autoscaler mcp has 5 of at most 5 replicas, and wants more"}}},
		"probes that fail": {"healthy", []string{`"reason": "Pulled"`, `"reason": "Unhealthy"`, `"type": "Normal"`, `"type": "Warning"`, `Container image \"registry.example.com/shop/mcp:1.4\" already present on machine`, "Readiness probe failed: HTTP probe failed with statuscode: 400"},
			[]wanted{{"kube.events", finding.Warn, "12 times in the last hour: Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 400"}}},
		"near its limit":               {"healthy", []string{"212992Ki", "480Mi"}, []wanted{{"kube.usage", finding.Warn, "480.0 MB of its limit of 512.0 MB (93.8 %)"}}},
		"a pod that ends in a rollout": {"crash", []string{`"namespace": "default",`, `"namespace": "default", "deletionTimestamp": "RECENTLY",`}, []wanted{{"kube.pods", finding.Pass, ""}}},
		"a node that is lost":          {"healthy", []string{`"status": "True", "type": "Ready"`, `"status": "Unknown", "reason": "NodeStatusUnknown", "type": "Ready"`}, []wanted{{"kube.pods", finding.Fail, "mcp-7d8f9c4b5-abc12 is not ready: NodeStatusUnknown"}}},
		"startup probe":                {"healthy", []string{`"readinessProbe"`, `"startupProbe"`, "/healthz", "/mcp"}, []wanted{{"kube.probes", finding.Warn, "the startup probe of mcp in mcp-7d8f9c4b5-abc12 asks the MCP endpoint /mcp"}}},
		"a sidecar killed for its memory": {"sidecar", []string{`"containers": [`, `"initContainers": [{"name": "proxy", "restartPolicy": "Always", "resources": {"limits": {"memory": "64Mi"}}}, {"name": "migrate"}], "containers": [`}, []wanted{
			{"kube.memory", finding.Fail, "the container proxy of mcp-7d8f9c4b5-abc12 was killed"}, {"kube.memory", finding.Fail, "memory limit 64Mi"}, {"kube.restarts", finding.Warn, "the container proxy"}, {"kube.limits", finding.Pass, ""}, {"kube.pods", finding.Pass, ""},
		}},
		"careless": {"healthy", []string{`"limits": {"cpu": "1", "memory": "512Mi"}, `, "", "/healthz", "/mcp", `"terminationGracePeriodSeconds": 60`, `"terminationGracePeriodSeconds": 5`}, []wanted{
			{"kube.limits", finding.Warn, "has no memory limit"}, {"kube.probes", finding.Warn, "the readiness probe of mcp in mcp-7d8f9c4b5-abc12 asks the MCP endpoint /mcp"}, {"kube.grace", finding.Warn, "mcp-7d8f9c4b5-abc12 has 5 s"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := answersOf(t, tc.status, tc.pairs...)
			if tc.pairs != nil && maps.Equal(answers, answersOf(t, tc.status)) {
				t.Fatal("nothing was replaced")
			}
			program, _ := standIn(t, answers)
			list := check(t, "//", program)
			for _, w := range tc.want {
				depstest.Wants(t, list, w.id, w.severity, w.part)
			}
		})
	}
}

// A user without rights gets the right that is missing; other errors are one finding.
func TestKubeRefusals(t *testing.T) {
	t.Parallel()
	forbidden := `Error from server (Forbidden): services is forbidden: User "system:serviceaccount:default:anna" cannot list resource "services" in API group "" in the namespace "default"`
	answers := answersOf(t, "healthy")
	answers["services.error"], answers["pods.metrics.k8s.io.error"] = forbidden, `error: the server doesn't have a resource type "pods"`+"\n"
	program, _ := standIn(t, answers)
	list := check(t, "//", program)
	depstest.Wants(t, list, "kube.affinity", finding.Skip, "missing right: kubectl create role mcpdiag --verb=get,list --resource=services")
	depstest.Wants(t, list, "kube.usage", finding.Skip, "the server doesn't have a resource type")
	program, _ = standIn(t, map[string]string{"pods.error": strings.ReplaceAll(forbidden, "services", "pods")})
	depstest.Wants(t, check(t, "//", program), "kube.connect", finding.Skip, "--resource=pods")
	refused := `E1127 16:20:30.785684   17613 memcache.go:265] "Unhandled Error" err="couldn't get current server API group list: Get \"http://localhost:8080/api?timeout=3s\": dial tcp 127.0.0.1:8080: connect: connection refused"` + "\n" +
		"The connection to the server localhost:8080 was refused - did you specify the right host or port?\n"
	program, _ = standIn(t, map[string]string{"pods.error": refused})
	depstest.Wants(t, check(t, "//", program), "kube.connect", finding.Fail, "kubectl get pods: The connection to the server localhost:8080 was refused")
	program, _ = standIn(t, map[string]string{"pods": `{"apiVersion": "v1", "items": [], "kind": "List", "metadata": {"resourceVersion": ""}}`})
	depstest.Wants(t, check(t, "//", program), "kube.connect", finding.Fail, "no pod matches")
	depstest.Wants(t, check(t, "//", "kubectl-that-is-missing"), "kube.connect", finding.Fail, "kubectl is not installed")
	for address, want := range map[string]string{"a/b/c=d": "a b c=d", "arn:aws:eks:x:cluster/y/ns/app=z": "arn:aws:eks:x:cluster/y ns app=z", "c/n/app.kubernetes.io/name=m": "c n app.kubernetes.io/name=m", "c/n": "", "--kubeconfig=x/n/a": "", "c/n/-x": ""} {
		c, err := Parse(address)
		if got := strings.TrimSpace(c.Context + " " + c.Namespace + " " + c.Selector); got != want || (err != nil) != (want == "") {
			t.Errorf("%s is %q, %v", address, got, err)
		}
	}
}

func TestBytesOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"512Mi": 512 << 20, "1Gi": 1 << 30, "106496Ki": 106496 << 10, "129e6": 129e6, "128974848": 128974848, "1.5G": 1.5e9, "": 0, "Mi": 0, "x": 0, "-1": 0, "1Xi": 0, "none": 0, "1e300": 0, "NaN": 0} {
		if got := bytesOf(text); got != want {
			t.Errorf("%q is %g, want %g", text, got, want)
		}
	}
}

// FuzzBytesOf wants a size that is finite and not negative.
func FuzzBytesOf(f *testing.F) {
	f.Add("512Mi")
	f.Fuzz(func(t *testing.T, text string) {
		if got := bytesOf(text); !(got >= 0 && got < 1e40) {
			t.Errorf("%q is %g", text, got)
		}
	})
}
