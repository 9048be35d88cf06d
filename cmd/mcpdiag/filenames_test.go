package main

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFileNames checks that the tree can be checked out on Windows and be a Go module, whose files
// have the same rules: one name that is reserved there fails the checkout and go install.
func TestFileNames(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "node_modules", "bin", "build", "dist"}, d.Name()) {
			return filepath.SkipDir
		}
		if why := notPortable(d.Name()); why != "" && path != "../.." {
			t.Errorf("%s: %s", path, why)
		}
		folded := strings.ToLower(path)
		if other := seen[folded]; other != "" {
			t.Errorf("%s and %s are one file where case does not count", path, other)
		}
		seen[folded] = path
		return nil
	})
	if err != nil || len(seen) < 500 {
		t.Errorf("%d files, %v", len(seen), err)
	}
}

// notPortable returns why a file may not have a name, "" if it may.
func notPortable(name string) string {
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	if len(base) == 4 && (strings.HasPrefix(base, "com") || strings.HasPrefix(base, "lpt")) && base[3] >= '0' && base[3] <= '9' {
		base = "con"
	}
	switch {
	case slices.Contains([]string{"con", "prn", "aux", "nul"}, base):
		return "Windows reserves the name, whatever its ending"
	case strings.ContainsAny(name, `<>:"|?*\`):
		return "Windows does not allow one of its characters"
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return "Windows drops its last character"
	}
	return ""
}

func TestNotPortable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"nul.folded": true, "CON": true, "com1.txt": true, "a:b": true, "a.": true, "null.json": false, "community.go": false, "com10": false, ".gitignore": false,
	} {
		if got := notPortable(name) != ""; got != want {
			t.Errorf("%s: not portable %v, want %v", name, got, want)
		}
	}
}
