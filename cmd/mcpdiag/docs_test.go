package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	docLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	docHeading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	notInID    = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// headingIDs returns the anchors that GitHub gives the headings of a document.
func headingIDs(text string) map[string]bool {
	ids := map[string]bool{}
	for _, m := range docHeading.FindAllStringSubmatch(text, -1) {
		ids[strings.ReplaceAll(notInID.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return ids
}

// Links between documents lead to files and headings that exist.
func TestDocLinks(t *testing.T) {
	t.Parallel()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range append(docs, "../../README.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range docLink.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			name, anchor, _ := strings.Cut(m[1], "#")
			target := doc
			if name != "" {
				target = filepath.Join(filepath.Dir(doc), name)
			}
			if linked, err := os.ReadFile(target); err != nil && filepath.Ext(target) != "" {
				t.Errorf("%s links to %s: %v", doc, m[1], err)
			} else if anchor != "" && !headingIDs(string(linked))[anchor] {
				t.Errorf("%s links to %s, and there is no such heading", doc, m[1])
			}
		}
	}
}
