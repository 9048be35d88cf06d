package k6

import (
	"bytes"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

// Names of the objects in the cluster.
const (
	operatorName  = "mcpdiag-load"
	operatorToken = "mcpdiag-token" // a Secret with the key token; it may be missing
	scriptFile    = "plan.js"
)

// maxConfigMap bounds the script: Kubernetes stores no larger ConfigMap.
const maxConfigMap = 1 << 20

type manifest struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   map[string]string `yaml:"metadata"`
	Data       map[string]string `yaml:"data,omitempty"`
	Spec       *testRun          `yaml:"spec,omitempty"`
}

// testRun is the part of the operator's TestRun that a plan needs.
type testRun struct {
	Parallelism int `yaml:"parallelism"`
	Script      struct {
		ConfigMap struct {
			Name string `yaml:"name"`
			File string `yaml:"file"`
		} `yaml:"configMap"`
	} `yaml:"script"`
	Arguments string  `yaml:"arguments"`
	Runner    *runner `yaml:"runner,omitempty"`
}

type runner struct {
	Env []variable `yaml:"env"`
}

type variable struct {
	Name      string `yaml:"name"`
	ValueFrom struct {
		SecretKeyRef struct {
			Name     string `yaml:"name"`
			Key      string `yaml:"key"`
			Optional bool   `yaml:"optional"`
		} `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

// Manifests writes the script of p in a ConfigMap, and the TestRun of the k6 operator
// that plays it from n pods, each with an equal part of the users. They have a token only
// if the user named the address.
func Manifests(w io.Writer, p *plan.Plan, named bool, n int) error {
	for i, s := range p.Stages {
		if s.Users > 0 && s.Users < n {
			return fmt.Errorf("stage %d has %d users, which cannot be divided among %d pods: choose at most %[2]d", i+1, s.Users, n)
		}
	}
	var script bytes.Buffer
	if err := Export(&script, p, named); err != nil {
		return err
	}
	if script.Len() > maxConfigMap {
		return fmt.Errorf("the script has %d bytes, and a ConfigMap holds %d: make the data files of the plan smaller", script.Len(), maxConfigMap)
	}
	run := &testRun{Parallelism: n, Arguments: "--no-usage-report"}
	run.Script.ConfigMap.Name, run.Script.ConfigMap.File = operatorName, scriptFile
	if named {
		token := variable{Name: "MCP_TOKEN"}
		token.ValueFrom.SecretKeyRef.Name, token.ValueFrom.SecretKeyRef.Key, token.ValueFrom.SecretKeyRef.Optional = operatorToken, "token", true
		run.Runner = &runner{Env: []variable{token}}
	}
	out := yaml.NewEncoder(w)
	out.SetIndent(2)
	for _, m := range []manifest{
		{APIVersion: "v1", Kind: "ConfigMap", Metadata: map[string]string{"name": operatorName}, Data: map[string]string{scriptFile: script.String()}},
		{APIVersion: "k6.io/v1alpha1", Kind: "TestRun", Metadata: map[string]string{"name": operatorName}, Spec: run},
	} {
		if err := out.Encode(m); err != nil {
			return err
		}
	}
	return out.Close()
}
