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
	return append(glob(t, "../../docs/*.md"), "../../README.md", "../../CONTRIBUTING.md")
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

// The map in CONTRIBUTING names each package, on the level that TestRooms checks.
func TestMap(t *testing.T) {
	t.Parallel()
	_, text, _ := strings.Cut(textOf(t, "../../CONTRIBUTING.md"), "## The map\n")
	text, _, _ = strings.Cut(text, "\nA package imports")
	named, parent, level := map[string]bool{}, "", -1
	for line := range strings.Lines(text) {
		entry := mapEntry.FindStringSubmatch(line)
		if entry == nil {
			continue
		}
		if entry[1] != "" {
			level = int(entry[1][0] - '0')
		}
		if name, top := strings.CutPrefix(entry[2], "internal/"); top {
			parent, named[name] = name, true
			if got := levelOf(entry[2]); got != level {
				t.Errorf("the map has %s on level %d, the code on level %d", name, level, got)
			}
			continue
		}
		for name := range strings.SplitSeq(entry[2], ", ") {
			named[parent+"/"+name] = true
		}
	}
	for _, file := range glob(t, "../../internal/*/*.go", "../../internal/*/*/*.go") {
		name := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "../../internal/")
		if !named[name] && !strings.Contains(name, "testdata") {
			named[name] = true
			t.Errorf("the map does not name %s", name)
		}
	}
}

// mapEntry matches a line of the map: level, packages, and a description.
var mapEntry = regexp.MustCompile(`^    (?:level (\d))? +(\w[\w/-]*(?:, [\w-]+)*)  `)

func glob(t *testing.T, patterns ...string) (files []string) {
	t.Helper()
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files: %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	return files
}
