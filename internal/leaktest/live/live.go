package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/inspect"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Config says which doors may be used.
type Config struct {
	Inspect bool  // Node.js: SIGUSR1 opens the inspector on a loopback port. JVM: jcmd stops the process
	Hook    *Hook // of the command, nil without one
	Pprof   Pages // of a Go server, nil if it has none
	Port    int   // of these pages, 0 if unknown
	Asked   bool  // the user named them, so that it is said if they cannot be read
}

// Heap is the live heaps of the processes of a server.
type Heap struct {
	cfg   Config
	known map[process.ID]bool
	most  int // processes that are opened
	doors []door
	rest  []unknown
	// Doubts says why a runtime did not answer.
	Doubts []string
}

// unknown is a process whose live heap is not known.
type unknown struct {
	id    process.ID
	name  string
	least uint64 // resident memory; 0 for one with a runtime, which certainly counts
}

// door is the way into the runtime of one process.
type door interface {
	// live collects garbage and returns the bytes that live.
	live(ctx context.Context) (int64, error)
	close(ctx context.Context) error
	ended() bool // whether the process has ended
	describe() string
	note(bytes int64) // of each reading
	grown() int64
	// cpu records a CPU profile until ctx ends, for limit at most.
	cpu(ctx context.Context, limit time.Duration) ([][]byte, error)
	explain(ctx context.Context, around Around) (*Explanation, error)
}

// openTime limits how long a runtime may take to answer, and a reading.
const openTime = 15 * time.Second

// laterDoors limits the processes that are opened after the start: a server that starts one
// per session is judged by its RSS.
const laterDoors = 8

// A process without a live heap does not matter while its resident memory is below
// unimportant, as that of a shell, or grows by no more than steady, which is passed over in a
// live heap, too: "go run" and "uv run" only wait for the server.
const (
	unimportant = 8 << 20
	steady      = 300 << 10
)

// Environment returns variables for a command so that Open finds its runtimes. That of
// Node.js changes nothing until Open sends a signal; that of Go makes its profile of
// the heap finer, and that of Java its collection complete. hook may be nil.
func Environment(env []string, hook *Hook) []string {
	if hook != nil {
		env = hook.environment(env)
	}
	env = extend(env, "NODE_OPTIONS", " ", "--inspect", "-port=127.0.0.1:0")
	env = extend(env, "GODEBUG", ",", "memprofilerate=", "4096")
	return extend(env, "JDK_JAVA_OPTIONS", " ", "-XX:MarkSweepDeadRatio=", "0")
}

// extend adds an option to a variable of the environment, unless the user has set it.
func extend(env []string, name, sep, option, value string) []string {
	options := os.Getenv(name)
	for _, v := range env {
		if text, ok := strings.CutPrefix(v, name+"="); ok {
			options = text
		}
	}
	if strings.Contains(options, option) {
		return env
	}
	if options != "" {
		options += sep
	}
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, name+"=") })
	return append(env, name+"="+options+option+value)
}

// Open opens the runtimes of the processes of a server. Of a server without processes
// on this machine it is the pages of pprof alone.
func Open(ctx context.Context, members []process.ID, cfg Config) *Heap {
	h := &Heap{cfg: cfg, known: map[process.ID]bool{}, most: len(members) + laterDoors}
	h.Follow(ctx, serving(members, cfg.Port))
	switch {
	case len(members) == 0 && cfg.Pprof != nil:
		h.doors = append(h.doors, &goRuntime{get: cfg.Pprof})
	case h.cfg.Pprof != nil && cfg.Asked:
		h.Doubts = append(h.Doubts, "the page of pprof was not read: no process of the server is a program of Go")
	}
	return h
}

// serving returns members with the one first that listens on a port: "go run", which does not, is a
// program of Go as well.
func serving(members []process.ID, port int) []process.ID {
	listens := func(id process.ID) bool {
		ports, err := process.Ports(id.PID)
		return err == nil && slices.Contains(ports, port)
	}
	i := slices.IndexFunc(members, listens)
	if i <= 0 {
		return members
	}
	return slices.Concat(members[i:i+1], members[:i], members[i+1:])
}

// Follow opens the runtimes of the members of the server that have come since, such as a
// child that the first session starts.
func (h *Heap) Follow(ctx context.Context, members []process.ID) {
	for _, id := range members {
		if h.known[id] {
			continue
		}
		h.known[id] = true
		info, err := process.Lookup(id.PID)
		if err != nil {
			continue
		}
		var d door
		least := uint64(0)
		if len(h.doors)+len(h.Doubts) < h.most {
			if d, err = open(ctx, &info, &h.cfg); err == nil {
				least = id.Resident()
			}
		}
		switch {
		case d != nil:
			h.doors = append(h.doors, d)
			continue
		case err != nil:
			h.Doubts = append(h.Doubts, err.Error())
		}
		h.rest = append(h.rest, unknown{id, fmt.Sprintf("process %d (%s)", info.PID, filepath.Base(info.Exe)), least})
	}
}

// open opens the runtime of one process, nil if it has no door.
func open(ctx context.Context, info *process.Info, cfg *Config) (door, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	switch {
	case cfg.Inspect && IsNode(info):
		return openNode(ctx, info)
	case cfg.Inspect && heap.IsJVM(info):
		return openJVM(ctx, info)
	case cfg.Hook != nil && isPython(info):
		return openPython(ctx, info, cfg.Hook)
	case cfg.Pprof != nil && IsGo(info):
		r := &goRuntime{pid: info.PID, get: cfg.Pprof}
		cfg.Pprof = nil // the page is of one process
		if _, err := r.live(ctx); err != nil && !cfg.Asked {
			return nil, nil // most Go servers have no such page
		} else if err != nil {
			return nil, err
		}
		return r, nil
	}
	return nil, nil
}

// Missing names the processes that grow and whose heap is not known.
func (h *Heap) Missing() (names []string) {
	for i := range h.rest {
		p := &h.rest[i]
		rss := p.id.Resident()
		if p.least = min(p.least, rss); rss > unimportant && rss > p.least+steady {
			names = append(names, p.name)
		}
	}
	return names
}

// Known reports whether there is a heap to read.
func (h *Heap) Known() bool { return len(h.doors) > 0 }

// Partial reports whether processes of the server that grow are not among the heaps.
func (h *Heap) Partial() bool { return len(h.Missing()) > 0 }

// Read collects garbage and returns the live bytes of all processes that have not ended.
func (h *Heap) Read(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	total := int64(0)
	for _, d := range slices.Clone(h.doors) {
		bytes, err := d.live(ctx)
		switch {
		case err == nil:
			d.note(bytes)
			total += bytes
		case endsSoon(ctx, d) && d.close(ctx) == nil:
			h.doors = slices.DeleteFunc(h.doors, func(other door) bool { return other == d })
		default:
			return 0, fmt.Errorf("reading the live heap of %s: %w", d.describe(), err)
		}
	}
	return total, nil
}

// endsSoon reports whether the process of a door that gave no answer has ended, or ends in a
// moment: its connections are closed before.
func endsSoon(ctx context.Context, d door) bool {
	for range 10 {
		if d.ended() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return d.ended()
}

// Describe says how each heap is read.
func (h *Heap) Describe() string {
	var all []string
	for _, r := range h.doors {
		all = append(all, r.describe())
	}
	return strings.Join(all, ", ")
}

// Close puts everything back.
func (h *Heap) Close(ctx context.Context) error {
	var err error
	for _, r := range h.doors {
		err = errors.Join(err, r.close(ctx))
	}
	h.doors = nil
	return err
}

var pythonName = regexp.MustCompile(`^(python|pypy)[0-9.]*t?(-?dbg|d)?$`)

func isPython(info *process.Info) bool { return pythonName.MatchString(filepath.Base(info.Exe)) }

// IsNode reports whether a process runs Node.js.
func IsNode(info *process.Info) bool {
	return inspect.IsNode(cmp.Or(info.Exe, info.Name))
}
