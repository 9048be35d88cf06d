// Package registry lists the proxies that run for a user: each has a file in a
// directory of the user, which names the proxy's URL, process and server.
package registry

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Entry is a proxy that runs.
type Entry struct {
	URL     string     `json:"url"`
	To      string     `json:"to"`             // the server's address, or its command without secrets
	Name    string     `json:"name,omitempty"` // that the server gave itself in initialize
	ID      process.ID `json:"process"`
	Started time.Time  `json:"started"`
}

// Server returns the server's own name, if it is known, and its address or command.
func (e *Entry) Server() string {
	if e.Name == "" {
		return e.To
	}
	return e.Name + ", " + e.To
}

// Dir returns the directory of a user's registry. Its argument is the value of
// XDG_RUNTIME_DIR.
func Dir(runtimeDir string) (string, error) {
	if runtimeDir != "" {
		return filepath.Join(runtimeDir, "mcpdiag"), nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "mcpdiag"), err
}

// Registration is the entry of this process.
type Registration struct {
	path string

	mu    sync.Mutex
	entry Entry
	ended bool
}

// Register adds this process to the registry in dir. End takes it out.
func Register(dir string, e Entry) (*Registration, error) {
	self, err := process.Lookup(os.Getpid())
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	e.ID, e.Started = self.ID, time.Now()
	r := &Registration{path: filepath.Join(dir, "proxy-"+strconv.Itoa(e.ID.PID)+".json"), entry: e}
	return r, r.write()
}

// SetName adds the server's own name to the entry.
func (r *Registration) SetName(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil
	}
	r.entry.Name = name
	return r.write()
}

// End removes the entry. An entry that stays is recognized as stale.
func (r *Registration) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	_ = os.Remove(r.path)
}

func (r *Registration) write() error {
	f, err := report.Create(r.path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := json.NewEncoder(f).Encode(r.entry); err != nil {
		return fmt.Errorf("writing %s: %w", r.path, err)
	}
	return f.Close()
}

// maxEntry bounds the file of an entry.
const maxEntry = 64 << 10

// Running returns the proxies in dir that run and removes the files of others.
func Running(dir string) ([]Entry, error) {
	files, err := filepath.Glob(filepath.Join(dir, "proxy-*.json"))
	if err != nil {
		return nil, err
	}
	running := []Entry{}
	for _, file := range files {
		var e Entry
		data, err := report.ReadIn(dir, filepath.Base(file), maxEntry)
		if err != nil || json.Unmarshal(data, &e) != nil {
			continue
		}
		if info, err := process.Lookup(e.ID.PID); err != nil || info.ID != e.ID {
			_ = os.Remove(file)
			continue
		}
		running = append(running, e)
	}
	return running, nil
}
