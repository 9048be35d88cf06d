package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

type packaged struct {
	Contents []struct{ Src, Dst string }
}

// goreleaser and nfpm alone put the same files into a package; goreleaser adds the binary
// itself.
func TestPackagesAgree(t *testing.T) {
	t.Parallel()
	var release struct{ Nfpms []packaged }
	var alone packaged
	if err := yaml.Unmarshal([]byte(textOf(t, "../../.goreleaser.yaml")), &release); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(textOf(t, "../../packaging/nfpm.yaml")), &alone); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alone.Contents[1:], release.Nfpms[0].Contents); diff != "" {
		t.Error(diff)
	}
}

// The names of archives that the Action and the npm packages fetch are those of the release.
func TestArchiveNames(t *testing.T) {
	t.Parallel()
	var release struct {
		Builds   []struct{ Goos, Goarch []string }
		Archives []struct {
			Name string `yaml:"name_template"`
		}
	}
	if err := yaml.Unmarshal([]byte(textOf(t, "../../.goreleaser.yaml")), &release); err != nil {
		t.Fatal(err)
	}
	if name := release.Archives[0].Name; name != "{{ .ProjectName }}_{{ .Os }}_{{ .Arch }}" {
		t.Errorf("archives are named %s", name)
	}
	var systems []string
	for _, os := range release.Builds[0].Goos {
		for _, arch := range release.Builds[0].Goarch {
			systems = append(systems, os+"_"+arch)
		}
	}
	var npm []string
	for _, m := range regexp.MustCompile(`\b(\w+_\w+64)=\w+-\w+64\b`).FindAllStringSubmatch(textOf(t, "../../packaging/npm/release.sh"), -1) {
		npm = append(npm, m[1])
	}
	slices.Sort(systems)
	slices.Sort(npm)
	if diff := cmp.Diff(systems, npm); diff != "" {
		t.Error(diff)
	}
	if get := textOf(t, "../../packaging/action/get.sh"); !strings.Contains(get, "archive=mcpdiag_${os}_$arch.tar.gz") {
		t.Error("the Action fetches another name")
	}
}

// A workflow has the right to read, and a job that needs more says so for itself.
func TestWorkflowRights(t *testing.T) {
	t.Parallel()
	for _, file := range glob(t, "../../.github/workflows/*.yml") {
		var workflow struct{ Permissions map[string]string }
		if err := yaml.Unmarshal([]byte(textOf(t, file)), &workflow); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"contents": "read"}, workflow.Permissions); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}
