// Package kube judges the pods of an MCP server in Kubernetes: containers that ran out of
// memory or restart, limits, replicas without session affinity, probes.
//
// [Check] runs kubectl, with the user's own configuration and plugins, and only with the
// arguments of Config.args: "get" of pods and of objects that belong to them. It changes nothing.
package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Config describes a check.
type Config struct {
	Context, Namespace, Selector string // an empty one is kubectl's default; all pods of the namespace
	Program                      string // kubectl, or its path
	Only                         func(id string) bool
}

// word matches a name that kubectl cannot take for a flag.
var word = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:@/=,!() -]*$`)

// Parse reads context/namespace/selector. The last part is the selector; a context may
// hold slashes.
func Parse(address string) (Config, error) {
	parts := strings.Split(address, "/")
	if len(parts) < 3 {
		return Config{}, errors.New("want context/namespace/selector, such as prod/default/app=mcp-server; a part may be empty")
	}
	selector := len(parts) - 1
	if selector > 2 && strings.Contains(parts[selector-1], ".") && !strings.Contains(parts[selector-1], "=") { // app.kubernetes.io/name=mcp
		selector--
	}
	if selector < 2 {
		return Config{}, errors.New("want context/namespace/selector, such as prod/default/app=mcp-server")
	}
	c := Config{Context: strings.Join(parts[:selector-1], "/"), Namespace: parts[selector-1], Selector: strings.Join(parts[selector:], "/")}
	for _, part := range []string{c.Context, c.Namespace, c.Selector} {
		if part != "" && !word.MatchString(part) {
			return Config{}, fmt.Errorf("%q is not a name or a selector of Kubernetes", part)
		}
	}
	return c, nil
}

// String writes the address.
func (c Config) String() string { return c.Context + "/" + c.Namespace + "/" + c.Selector }

// args returns the arguments of kubectl for a kind of objects. Services are selected by
// their own selector, not by labels.
func (c Config) args(kind string) []string {
	args := []string{"get", kind, "--output=json", "--request-timeout=3s"}
	if c.Context != "" {
		args = append(args, "--context="+c.Context)
	}
	if c.Namespace != "" {
		args = append(args, "--namespace="+c.Namespace)
	}
	if c.Selector != "" && kind == "pods" {
		args = append(args, "--selector="+c.Selector)
	}
	return args
}

// Bounds of one run of kubectl: longer than its own timeout of requests.
const (
	runTime   = 3800 * time.Millisecond
	maxOutput = 32 << 20
)

// get runs kubectl for a kind of objects and reads its JSON.
func (c Config) get(ctx context.Context, kind string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	out, complaint := &report.Head{Left: maxOutput}, &report.Head{Left: 4096}
	cmd := exec.CommandContext(ctx, c.Program, c.args(kind)...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, complaint, time.Second
	err := cmd.Run()
	text := report.Cell(lastLine(complaint.String()), 200)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("kubectl is not installed")
	case ctx.Err() != nil:
		return errors.New("kubectl gave no answer within " + report.Duration(runTime))
	case strings.Contains(text, "Forbidden"):
		return &checks.MissingRightError{Right: fmt.Sprintf("kubectl create role mcpdiag --verb=get,list --resource=%s, and a rolebinding to it (%s)", kind, text)}
	case err != nil:
		return fmt.Errorf("kubectl get %s: %s", kind, cmp.Or(text, err.Error()))
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("kubectl get %s: the answer is not JSON, or is larger than %d MB", kind, maxOutput>>20)
	}
	return nil
}

// lastLine returns the last line of kubectl's output, which may begin with its own log.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
