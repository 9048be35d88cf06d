package registry

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	if running, err := Running(dir); err != nil || len(running) != 0 {
		t.Errorf("at first: %v, %v", running, err)
	}
	r, err := Register(dir, Entry{URL: "http://127.0.0.1:1", To: "node index.js"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetName("everything"); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(dir, "proxy-1.json")
	if err := os.WriteFile(stale, []byte(`{"url":"http://x","process":{"pid":2147483646}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "proxy-2.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if own, err := os.ReadFile(r.path); err != nil || os.WriteFile(filepath.Join(dir, "..", "other"), own, 0o600) != nil ||
		os.Symlink(filepath.Join("..", "other"), filepath.Join(dir, "proxy-3.json")) != nil {
		t.Skip("there are no symbolic links here")
	}
	running, err := Running(dir)
	if err != nil || len(running) != 1 || running[0].Server() != "everything, node index.js" || running[0].ID.PID != os.Getpid() {
		t.Errorf("registered: %+v, %v", running, err)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the file of a process that does not run stays")
	}
	r.End()
	if err := r.SetName("late"); err != nil {
		t.Error(err)
	}
	if running, err := Running(dir); err != nil || len(running) != 0 {
		t.Errorf("at the end: %+v, %v", running, err)
	}
}

func TestDir(t *testing.T) {
	if dir, err := Dir("/run/user/1"); dir != filepath.Join("/run/user/1", "mcpdiag") || err != nil {
		t.Errorf("%q, %v", dir, err)
	}
}
