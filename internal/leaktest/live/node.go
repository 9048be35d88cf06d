package live

import (
	"context"
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/inspect"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// node is a process of Node.js whose inspector is open.
type node struct {
	id      process.ID
	session *inspect.Session
	growth
}

// Inspect opens the inspector of a process of Node.js.
func Inspect(ctx context.Context, info *process.Info) (*inspect.Session, error) {
	return inspect.Open(ctx, inspect.Process{
		PID: info.PID, Program: info.Exe,
		Ports:   func() ([]int, error) { return process.Ports(info.PID) },
		Catches: func() bool { return process.Catches(info.PID, process.SignalNumber("USR1")) },
		Signal:  func() error { return process.Signal(info.ID, "SIGUSR1") },
	})
}

func openNode(ctx context.Context, info *process.Info) (door, error) {
	s, err := Inspect(ctx, info)
	if err != nil {
		return nil, err
	}
	return &node{id: info.ID, session: s}, nil
}

// live adds the memory outside that objects hold, such as buffers.
func (n *node) live(ctx context.Context) (int64, error) {
	if err := n.session.Collect(ctx); err != nil {
		return 0, err
	}
	u, err := n.session.Usage(ctx)
	return u.Heap + u.External, err
}

// close closes the inspector, unless its process has ended.
func (n *node) close(ctx context.Context) error {
	if n.ended() {
		_ = n.session.Close() // the connection broke with the process
		return nil
	}
	return n.session.End(ctx)
}

func (n *node) ended() bool { return !n.id.Lives() }

func (n *node) describe() string {
	return fmt.Sprintf("process %d by its inspector on %s", n.id.PID, n.session.Address())
}
