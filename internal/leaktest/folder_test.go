//go:build unix

package leaktest

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
)

// TestHostileFolder: the folder of a run may come from others. What it links to outside of
// it is neither read nor put into the report, and a pipe in it does not stop the report.
func TestHostileFolder(t *testing.T) {
	t.Parallel()
	const secret = "<svg>sesame</svg>"
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	verdict := fmt.Sprintf(`{"schema":%q,"files":{"flame":"flame.svg"}}`, Schema)
	write := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	link := func(to string) func(string) error { return func(path string) error { return os.Symlink(to, path) } }
	fifo := func(path string) error { return syscall.Mkfifo(path, 0o600) }
	for name, tc := range map[string]struct {
		file string
		put  func(path string) error
		want string // of the error
	}{
		"a picture":                    {flameFile, write(secret), ""},
		"a picture, a link":            {flameFile, link(outside), ""},
		"a picture, a pipe":            {flameFile, fifo, ""},
		"a picture, endless":           {flameFile, link("/dev/zero"), ""},
		"the verdict, a link":          {VerdictFile, link(outside), "escapes"},
		"the verdict, a pipe":          {VerdictFile, fifo, "not a regular file"},
		"the verdict, endless":         {VerdictFile, link("/dev/zero"), "escapes"},
		"the report, a pipe":           {ReportFile, fifo, "it is a pipe or a device"},
		"the report, a device":         {ReportFile, link("/dev/null"), "it is a pipe or a device"},
		"the report, a link to a file": {ReportFile, link(outside), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tc.file != VerdictFile {
				if err := write(verdict)(filepath.Join(dir, VerdictFile)); err != nil {
					t.Fatal(err)
				}
			}
			if err := tc.put(filepath.Join(dir, tc.file)); err != nil {
				t.Fatal(err)
			}
			err := remake(t.Context(), dir)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("%v; want %q", err, tc.want)
			}
			if tc.want != "" {
				return
			}
			page, err := os.ReadFile(filepath.Join(dir, ReportFile))
			if err != nil {
				t.Fatal(err)
			}
			if has := strings.Contains(string(page), base64.StdEncoding.EncodeToString([]byte(secret))); has != (name == "a picture") {
				t.Errorf("the picture is in the page: %t", has)
			}
			if data, err := os.ReadFile(outside); err != nil || string(data) != secret {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
}

// remake does what mcpdiag report does.
func remake(ctx context.Context, dir string) error {
	res, err := Load(ctx, dir)
	if err != nil {
		return err
	}
	return Remake(dir, res)
}

// Each of several tools has a picture of its own.
func TestAllocationsOfSeveralTools(t *testing.T) {
	t.Parallel()
	o := &folder{dir: t.TempDir()}
	profile := []byte(`{"head":{"callFrame":{"functionName":"(root)"},"selfSize":0,"children":[{"callFrame":{"functionName":"keep","url":"file:///a.js","lineNumber":1},"selfSize":64,"children":[]}]},"samples":[]}`)
	p := judge.Phase{ID: "call", Per: "call of a"}
	first, second := o.allocations(1, &p, profile), o.allocations(2, &p, profile)
	if first == "" || first == second {
		t.Errorf("the pictures are %q and %q", first, second)
	}
	if none := o.allocations(3, &p, []byte(`{}`)); none != "" {
		t.Errorf("a picture of nothing: %q", none)
	}
}
