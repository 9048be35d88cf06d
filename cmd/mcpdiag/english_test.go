package main

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Constructions that plain technical English does without. In prose for users,
// "what" and "who" have their uses; in comments a noun is better.
var (
	commentDialect = regexp.MustCompile(`(?i)\b(what|who|whom|one that|that which|is told|are told|let go of|at hand|no [a-z]+ (?:of|that) )\b`)
	proseDialect   = regexp.MustCompile(`(?i)\b(whom|that which|is told|are told|be told|let go of|at hand|for so long|so many|merely|is no (?:number|address|duration|size))\b`)
)

// Bounds, in lines of 1,000. They only ever go down.
const (
	maxCommentDialect = 3
	maxMessageDialect = 5
	maxDocsDialect    = 5
)

// englishCount counts lines and those in dialect.
type englishCount struct {
	lines, dialect int
	examples       []string
}

func (c *englishCount) add(pattern *regexp.Regexp, where, text string) {
	c.lines++
	if pattern.MatchString(text) {
		c.dialect++
		c.examples = append(c.examples, where+": "+text)
	}
}

func (c *englishCount) perThousand() float64 {
	return 1000 * float64(c.dialect) / float64(max(1, c.lines))
}

// TestPlainEnglish keeps the dialect out of comments, messages and documents.
func TestPlainEnglish(t *testing.T) {
	t.Parallel()
	comments, messages := map[string]*englishCount{}, &englishCount{}
	for _, root := range []string{"../../cmd", "../../internal"} {
		readGo(t, root, comments, messages)
	}
	total := &englishCount{}
	for _, folder := range slices.Sorted(maps.Keys(comments)) {
		c := comments[folder]
		total.lines += c.lines
		total.dialect += c.dialect
		if c.perThousand() >= 10 {
			t.Logf("%s: %d of %d comment lines, %.0f of 1,000; for example %s", folder, c.dialect, c.lines, c.perThousand(), c.examples[0])
		}
	}
	judgeEnglish(t, "comments", total, maxCommentDialect)
	judgeEnglish(t, "messages", messages, maxMessageDialect)
	judgeEnglish(t, "documents", readDocs(t), maxDocsDialect)
}

func judgeEnglish(t *testing.T, name string, c *englishCount, bound float64) {
	t.Helper()
	t.Logf("%s: %d of %d lines, %.1f of 1,000", name, c.dialect, c.lines, c.perThousand())
	if c.lines < 100 {
		t.Errorf("only %d lines of %s were read", c.lines, name)
	}
	if c.perThousand() > bound {
		t.Errorf("%s are above %.0f of 1,000:\n%s", name, bound, strings.Join(c.examples, "\n"))
	}
}

// readGo counts the comments of each folder, and the string literals that are
// sentences, in Go files that are no tests.
func readGo(t *testing.T, root string, comments map[string]*englishCount, messages *englishCount) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		folder := strings.TrimPrefix(filepath.Dir(path), "../../")
		if comments[folder] == nil {
			comments[folder] = &englishCount{}
		}
		for _, group := range file.Comments {
			for _, c := range group.List {
				if text, ok := strings.CutPrefix(c.Text, "//"); ok && !strings.HasPrefix(text, "go:") && !strings.HasPrefix(text, "nolint") {
					comments[folder].add(commentDialect, files.Position(c.Pos()).String(), strings.TrimSpace(text))
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && strings.Count(lit.Value, " ") >= 2 {
				messages.add(proseDialect, files.Position(lit.Pos()).String(), lit.Value)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readDocs counts lines of the documents.
func readDocs(t *testing.T) *englishCount {
	t.Helper()
	c := &englishCount{}
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, "../../README.md", "../../CONTRIBUTING.md") {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if strings.Contains(lines.Text(), " ") {
				c.add(proseDialect, name, lines.Text())
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
