package heap

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/inspect"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

const (
	openTimeout  = 10 * time.Second // for the inspector to open after the signal
	openInterval = 50 * time.Millisecond
)

var nodeProgram = regexp.MustCompile(`^node(js)?[0-9.]*(\.exe)?( \(deleted\))?$`)

// Attach opens the inspector of a running process of Node.js with SIGUSR1 and
// connects to it. The signal ends other programs, so the executable is looked at first.
func Attach(ctx context.Context, pid int) (*inspect.Session, error) {
	info, err := process.Lookup(pid)
	if err != nil {
		return nil, err
	}
	if program := filepath.Base(info.Exe); !nodeProgram.MatchString(program) {
		return nil, fmt.Errorf("process %d runs %q, not node: SIGUSR1, which opens the inspector, could end it", pid, program)
	}
	before, err := process.Ports(pid)
	if err != nil {
		return nil, err
	}
	if err := process.Signal(info.ID, "SIGUSR1"); err != nil {
		return nil, fmt.Errorf("opening the inspector of process %d: %w", pid, err)
	}
	port, err := opened(ctx, pid, before)
	if err != nil {
		return nil, err
	}
	s, err := inspect.Dial(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("process %d listens on port %d since the signal: %w", pid, port, err)
	}
	return s, nil
}

// opened waits for the port that a process opens.
func opened(ctx context.Context, pid int, before []int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	for ticker := time.NewTicker(openInterval); ; {
		now, err := process.Ports(pid)
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
			return 0, fmt.Errorf("process %d opened no inspector: its port (9229, or --inspect-port) is in use, it runs with --disable-sigusr1 or handles SIGUSR1 itself, or its inspector is open already: then name it with --inspect 127.0.0.1:PORT", pid)
		case <-ticker.C:
		}
	}
}
