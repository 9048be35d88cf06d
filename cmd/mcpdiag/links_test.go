package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents lists the README, CONTRIBUTING and the documents.
func documents(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(found) == 0 {
		t.Fatalf("%d documents: %v", len(found), err)
	}
	return append(found, "../../README.md", "../../CONTRIBUTING.md")
}

var (
	codeBlock  = regexp.MustCompile("(?ms)^```.*?^```")
	codeSpan   = regexp.MustCompile("`[^`\n]+`")
	mdLink     = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"`)
	mdHeading  = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
	notInSlugs = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the anchors that GitHub gives the headings of a document.
func anchors(text string) []string {
	var all []string
	for _, heading := range mdHeading.FindAllStringSubmatch(codeBlock.ReplaceAllString(text, ""), -1) {
		slug := notInSlugs.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading[1])), "")
		all = append(all, strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}

// deadLinks returns the relative links of a document that lead nowhere, and their number.
func deadLinks(t *testing.T, file, text string) (dead []string, n int) {
	t.Helper()
	text = codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(text, ""), "code")
	for _, match := range mdLink.FindAllStringSubmatch(text, -1) {
		link := match[1] + match[2]
		if strings.Contains(link, ":") {
			continue // to another site
		}
		n++
		path, anchor, _ := strings.Cut(link, "#")
		target := file
		if path != "" {
			target = filepath.Join(filepath.Dir(file), path)
		}
		if _, err := os.Stat(target); err != nil {
			dead = append(dead, link)
			continue
		}
		if anchor != "" && !slices.Contains(anchors(textOf(t, target)), anchor) {
			dead = append(dead, link)
		}
	}
	return dead, n
}

func textOf(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Each relative link in the documents leads to a file, and to a heading in it.
func TestLinks(t *testing.T) {
	t.Parallel()
	total := 0
	for _, file := range documents(t) {
		dead, n := deadLinks(t, file, textOf(t, file))
		total += n
		for _, link := range dead {
			t.Errorf("%s: the link to %s leads nowhere", filepath.Base(file), link)
		}
	}
	if total == 0 {
		t.Error("no links were found")
	}
}

// A link to a missing file or heading is dead; a heading in a code block is none.
func TestDeadLinksAreFound(t *testing.T) {
	t.Parallel()
	text := "# A `--flag` (of 2)\n[a](#a---flag-of-2) [b](#b) [c](main.go) [d](absent.go) [e](https://example.com/#x)\n```\n# b\n[f](f)\n```\n"
	file := filepath.Join(t.TempDir(), "text.md")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	dead, n := deadLinks(t, file, text)
	if n != 4 || !slices.Equal(dead, []string{"#b", "main.go", "absent.go"}) {
		t.Errorf("%d links, dead %q", n, dead)
	}
}
