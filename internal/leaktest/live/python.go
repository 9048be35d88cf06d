package live

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

//go:embed assets/sitecustomize.py
var sitecustomize []byte

// Hook is a folder through which the Python processes of a command answer.
type Hook struct{ dir string }

// NewHook makes the folder.
func NewHook() (*Hook, error) {
	dir, err := os.MkdirTemp("", "mcpdiag-heap-")
	if err != nil {
		return nil, err
	}
	h := &Hook{dir}
	if err := write(filepath.Join(dir, "sitecustomize.py"), sitecustomize); err != nil {
		return nil, errors.Join(err, h.Remove())
	}
	return h, nil
}

// write writes a whole file for this user alone.
func write(name string, data []byte) error {
	f, err := report.Create(name)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Close()
}

// Remove removes the folder with all that is in it.
func (h *Hook) Remove() error { return os.RemoveAll(h.dir) }

// environment returns the variables with those that make Python load the hook.
func (h *Hook) environment(env []string) []string {
	env = append(env, "MCPDIAG_HEAP="+h.dir)
	path := h.dir
	if was := os.Getenv("PYTHONPATH"); was != "" {
		path += string(os.PathListSeparator) + was
	}
	return append(env, "PYTHONPATH="+path, "PYTHONDONTWRITEBYTECODE=1")
}

// python is a process of CPython that has loaded the hook.
type python struct {
	id     process.ID
	hook   *Hook
	signal int
	asked  int
	growth
}

// openPython opens a process that has loaded the hook; nil if it has not.
func openPython(ctx context.Context, info *process.Info, hook *Hook) (door, error) {
	ready, err := report.ReadIn(hook.dir, strconv.Itoa(info.PID)+".ready", maxReady)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(ready)))
	if err != nil || !process.Catches(info.PID, number) {
		return nil, fmt.Errorf("process %d (Python) no longer handles the signal that asks for its heap", info.PID)
	}
	p := &python{id: info.ID, hook: hook, signal: number}
	if _, err := p.live(ctx); err != nil { // it begins to trace
		return nil, err
	}
	return p, nil
}

// askEvery is the interval at which an answer is looked for; after again without one the
// signal is sent once more, later each time. A signal that comes just before a system call
// that blocks is handled only when that returns, or by the next signal.
const (
	askEvery = 10 * time.Millisecond
	again    = 250 * time.Millisecond
)

// Bounds of the files that the server writes.
const (
	maxReady  = 64
	maxAnswer = 64 << 20
)

// ask sends a question and returns the answer.
func (p *python) ask(ctx context.Context, what string) ([]byte, error) {
	p.asked++
	name := strconv.Itoa(p.id.PID)
	if err := write(filepath.Join(p.hook.dir, name+".ask"), fmt.Appendf(nil, "%d %s", p.asked, what)); err != nil {
		return nil, err
	}
	if err := process.SignalBy(p.id, p.signal); err != nil {
		return nil, err
	}
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	start, next := time.Now(), again
	for {
		if data, err := p.answer(name + ".answer"); err == nil {
			return data, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("process %d (Python) did not answer about its heap: its main thread is busy in native code, or handles signals itself", p.id.PID)
		case <-ticker.C:
		}
		if time.Since(start) > next {
			next *= 2
			if err := process.SignalBy(p.id, p.signal); err != nil {
				return nil, err
			}
		}
	}
}

// answer reads the answer to the last question.
func (p *python) answer(name string) ([]byte, error) {
	data, err := report.ReadIn(p.hook.dir, name, maxAnswer)
	if err != nil {
		return nil, err
	}
	var head struct {
		Ask int `json:"ask"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, err
	}
	if head.Ask != p.asked {
		return nil, errors.New("an older answer")
	}
	return data, nil
}

// live returns the bytes that are traced after a collection.
func (p *python) live(ctx context.Context) (int64, error) {
	data, err := p.ask(ctx, "size")
	if err != nil {
		return 0, err
	}
	var reply struct {
		Live int64 `json:"live"`
	}
	err = json.Unmarshal(data, &reply)
	return reply.Live, err
}

func (p *python) close(context.Context) error { return nil } // the process ends with the test

func (p *python) ended() bool { return !p.id.Lives() }

func (p *python) describe() string {
	return fmt.Sprintf("process %d by tracemalloc, which makes it slower", p.id.PID)
}

// explain compares the live blocks before and after the load, by the line that allocated them.
func (p *python) explain(ctx context.Context, around Around) (*Explanation, error) {
	around.Note("comparing the traced memory of process %d, which stops for a moment twice", p.id.PID)
	return around.compare(ctx, "json", func(ctx context.Context) ([]byte, error) { return p.ask(ctx, "traces") })
}
