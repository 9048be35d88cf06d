package snapshot

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestOpenTrace(t *testing.T) {
	for name, tc := range map[string]struct{ before, want string }{
		"a new file":      {"", "{}\n"},
		"whole lines":     {"{\"a\":1}\n", "{\"a\":1}\n{}\n"},
		"a torn line":     {"{\"a\":1}\n{\"a\"", "{\"a\":1}\n{\"a\"\n{}\n"},
		"one torn line":   {"{", "{\n{}\n"},
		"an empty ending": {"\n", "\n{}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.ndjson")
			if tc.before != "" {
				if err := os.WriteFile(path, []byte(tc.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f, err := OpenTrace(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("{}\n"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != tc.want {
				t.Errorf("%q, %v; want %q", got, err, tc.want)
			}
			if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
			}
		})
	}
}

func TestOpenTraceRefusesLinks(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": target, "dangling": filepath.Join(dir, "nowhere")} {
		link := filepath.Join(dir, name)
		if err := os.Symlink(to, link); err != nil {
			t.Skip("no symbolic links here:", err)
		}
		if f, err := OpenTrace(t.Context(), link); err == nil {
			t.Errorf("%s was opened", name)
			_ = f.Close()
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("the file that the dangling link names was made")
	}
	if _, err := OpenTrace(t.Context(), dir); err == nil {
		t.Error("a directory was opened")
	}
}
