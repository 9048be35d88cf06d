//go:build unix

package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
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
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
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

const healthyPod = `{"metadata": {"name": "mcp-1", "labels": {"app": "mcp"}}, "spec": {"terminationGracePeriodSeconds": 60, "containers": [{"name": "mcp", "resources": {"limits": {"memory": "512Mi"}},
 "readinessProbe": {"httpGet": {"path": "/healthz", "port": 3000}}}]}, "status": {"phase": "Running", "containerStatuses": [{"name": "mcp", "ready": true, "restartCount": 0, "state": {"running": {}}, "lastState": {}}]}}`

const (
	oneDeployment = `{"items": [{"metadata": {"name": "mcp"}, "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "mcp"}}, "template": {"metadata": {"labels": {"app": "mcp"}}}}}]}`
	sticky        = `{"items": [{"metadata": {"name": "mcp"}, "spec": {"selector": {"app": "mcp"}, "sessionAffinity": "ClientIP"}}]}`
	loose         = `{"items": [{"metadata": {"name": "mcp"}, "spec": {"selector": {"app": "mcp"}, "sessionAffinity": "None"}}]}`
)

func sickPod() string {
	killed := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	return strings.NewReplacer(`"terminationGracePeriodSeconds": 60`, `"terminationGracePeriodSeconds": 5`, `"limits": {"memory": "512Mi"}`, `"requests": {"memory": "512Mi"}`, "/healthz", "/mcp",
		`"ready": true, "restartCount": 0, "state": {"running": {}}, "lastState": {}`,
		`"ready": false, "restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "`+killed+`"}}`).Replace(healthyPod)
}

// Healthy pods give no finding, and kubectl is run with listed arguments only.
func TestHealthyPods(t *testing.T) {
	t.Parallel()
	program, log := standIn(t, map[string]string{"pods": `{"items": [` + healthyPod + `]}`, "deployments": oneDeployment, "services": sticky})
	depstest.Healthy(t, check(t, "prod/default/app=mcp", program))
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	const flags = " --output=json --request-timeout=3s --context=prod --namespace=default"
	if want := "get pods" + flags + " --selector=app=mcp\nget deployments" + flags + "\nget services" + flags + "\n"; string(text) != want {
		t.Errorf("kubectl was run as\n%s", text)
	}
}

// Planted faults are named: memory, restarts, readiness, limits, probes, a second replica
// without affinity.
func TestPlantedPods(t *testing.T) {
	t.Parallel()
	program, _ := standIn(t, map[string]string{"pods": `{"items": [` + sickPod() + `]}`, "deployments": oneDeployment, "services": loose})
	list := check(t, "//", program)
	depstest.Wants(t, list, "kube.pods", finding.Fail, "the container mcp of mcp-1 is not ready: CrashLoopBackOff")
	depstest.Wants(t, list, "kube.memory", finding.Fail, "OOMKilled, exit code 137, memory limit none")
	depstest.Wants(t, list, "kube.restarts", finding.Warn, "restarted 7 times")
	depstest.Wants(t, list, "kube.limits", finding.Warn, "has no memory limit")
	depstest.Wants(t, list, "kube.probes", finding.Warn, "the readiness probe of mcp in mcp-1 asks the MCP endpoint /mcp")
	depstest.Wants(t, list, "kube.grace", finding.Warn, "mcp-1 has 5 s")
	depstest.Wants(t, list, "kube.affinity", finding.Warn, "the deployment mcp has 2 replicas, and the service mcp has no session affinity")
}

// A user without rights gets the right that is missing; other errors are one finding.
func TestKubeRefusals(t *testing.T) {
	t.Parallel()
	forbidden := `Error from server (Forbidden): services is forbidden: User "anna" cannot list resource "services"`
	program, _ := standIn(t, map[string]string{"pods": `{"items": [` + healthyPod + `]}`, "deployments": oneDeployment, "services.error": forbidden})
	depstest.Wants(t, check(t, "//", program), "kube.affinity", finding.Skip, "missing right: kubectl create role mcpdiag --verb=get,list --resource=services")
	program, _ = standIn(t, map[string]string{"pods.error": strings.ReplaceAll(forbidden, "services", "pods")})
	depstest.Wants(t, check(t, "//", program), "kube.connect", finding.Skip, "--resource=pods")
	program, _ = standIn(t, map[string]string{"pods": `{"items": []}`})
	depstest.Wants(t, check(t, "//", program), "kube.connect", finding.Fail, "no pod matches")
	depstest.Wants(t, check(t, "//", "kubectl-that-is-missing"), "kube.connect", finding.Fail, "kubectl is not installed")
	for address, want := range map[string]string{"a/b/c=d": "a b c=d", "arn:aws:eks:x:cluster/y/ns/app=z": "arn:aws:eks:x:cluster/y ns app=z", "c/n/app.kubernetes.io/name=m": "c n app.kubernetes.io/name=m", "c/n": "", "--kubeconfig=x/n/a": "", "c/n/-x": ""} {
		c, err := Parse(address)
		if got := strings.TrimSpace(c.Context + " " + c.Namespace + " " + c.Selector); got != want || (err != nil) != (want == "") {
			t.Errorf("%s is %q, %v", address, got, err)
		}
	}
}
