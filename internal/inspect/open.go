package inspect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

const (
	openTimeout  = 10 * time.Second // for the inspector to open after the signal
	openInterval = 50 * time.Millisecond
)

var nodeProgram = regexp.MustCompile(`^node(js)?[0-9.]*(\.exe)?( \(deleted\))?$`)

// IsNode reports whether an executable is Node.js, deleted by an upgrade or not.
func IsNode(program string) bool { return nodeProgram.MatchString(filepath.Base(program)) }

// Process is a running process whose inspector is closed.
type Process struct {
	PID     int
	Program string                // the executable
	Ports   func() ([]int, error) // on which it listens
	Catches func() bool           // whether it has a handler for SIGUSR1
	Signal  func() error          // sends SIGUSR1
}

// Open opens the inspector of a process of Node.js with SIGUSR1 and connects to it. The
// signal ends other programs, so the executable is looked at first.
func Open(ctx context.Context, p Process) (*Session, error) {
	if !IsNode(p.Program) {
		return nil, fmt.Errorf("process %d runs %q, not node: SIGUSR1, which opens the inspector, could end it", p.PID, filepath.Base(p.Program))
	}
	if !p.Catches() {
		return nil, fmt.Errorf("process %d has no handler for SIGUSR1, which would end it: it is starting, or runs with --disable-sigusr1", p.PID)
	}
	before, err := p.Ports()
	if err != nil {
		return nil, err
	}
	if err := p.Signal(); err != nil {
		return nil, fmt.Errorf("opening the inspector of process %d: %w", p.PID, err)
	}
	port, err := p.opened(ctx, before)
	if err != nil {
		return nil, err
	}
	s, err := Dial(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("process %d listens on port %d since the signal: %w", p.PID, port, err)
	}
	pid, err := s.PID(ctx)
	if err == nil && pid != p.PID {
		err = fmt.Errorf("the inspector at %s belongs to process %d, not %d: is the process in a container? Run mcpdiag there", s.address, pid, p.PID)
	}
	if err != nil {
		return nil, errors.Join(err, s.End(ctx))
	}
	return s, nil
}

// opened waits for the port that the process opens.
func (p *Process) opened(ctx context.Context, before []int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	ticker := time.NewTicker(openInterval)
	defer ticker.Stop()
	for {
		now, err := p.Ports()
		if err != nil {
			return 0, err
		}
		for _, port := range now {
			if !slices.Contains(before, port) {
				return port, nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("process %d opened no inspector: its port (9229, or --inspect-port) is in use, it runs with --disable-sigusr1 or handles SIGUSR1 itself, its main thread waits in a call outside JavaScript, or its inspector is open already: then name it with --inspect 127.0.0.1:PORT", p.PID)
		case <-ticker.C:
		}
	}
}
