package k6

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

const operatorPlan = "url: http://server.default:3000/mcp\nstages: [{users: 4, calls: 3}]\nsteps: [{tool: echo, args: {text: 'a: \"b\" #{{iter}}'}}]\n"

// The manifests are two documents that name each other, and the script inside is the
// one that export writes.
func TestManifests(t *testing.T) {
	t.Parallel()
	p, err := plan.Parse([]byte(operatorPlan), "plan.yaml", readTestFeed)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Manifests(&b, p, true, 4); err != nil {
		t.Fatal(err)
	}
	var docs []manifest
	in := yaml.NewDecoder(&b)
	in.KnownFields(true)
	for {
		var m manifest
		if err := in.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, m)
	}
	if len(docs) != 2 || docs[0].Kind != "ConfigMap" || docs[1].Kind != "TestRun" {
		t.Fatalf("%+v", docs)
	}
	ref := docs[1].Spec.Script.ConfigMap
	if docs[0].Metadata["name"] != ref.Name || docs[1].Spec.Parallelism != 4 {
		t.Errorf("%+v", docs[1])
	}
	if got := docs[0].Data[ref.File]; got != exported(t, operatorPlan) {
		t.Errorf("the script in the ConfigMap differs:\n%.500s", got)
	}
	if err := Manifests(io.Discard, p, true, 5); err == nil || !strings.Contains(err.Error(), "4 users, which cannot be divided among 5 pods") {
		t.Errorf("5 pods: %v", err)
	}
}
