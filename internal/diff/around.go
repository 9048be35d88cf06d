package diff

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Around says how to take two snapshots of one server.
type Around struct {
	Take    func(context.Context) (*snapshot.Snapshot, error)
	Command *launch.Command // runs between the snapshots; nil: wait for Wait
	Wait    time.Duration
	Settle  time.Duration // idle time for the garbage collector, before the second snapshot
}

// Run takes both snapshots. commandErr is the failure of the command, which does not
// prevent the comparison.
func (a Around) Run(ctx context.Context) (before, after Window, commandErr, err error) {
	if before, err = a.window(ctx); err != nil {
		return before, after, nil, err
	}
	if a.Command != nil {
		commandErr, err = run(ctx, *a.Command)
	} else {
		err = sleep(ctx, a.Wait)
	}
	if err == nil {
		err = sleep(ctx, a.Settle)
	}
	if err != nil {
		return before, after, nil, err
	}
	after, err = a.window(ctx)
	return before, after, commandErr, err
}

func (a Around) window(ctx context.Context) (Window, error) {
	s, err := a.Take(ctx)
	if err != nil {
		return Window{}, err
	}
	return One(s.Poll.Target, s), nil
}

// run runs a command to its end, and stops the processes that it left: they would load
// the server.
func run(ctx context.Context, command launch.Command) (commandErr, err error) {
	child, err := launch.Start(command)
	if err != nil {
		return nil, err
	}
	err = child.Wait(ctx)
	child.Stop()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("interrupted while %s ran", command.Args[0])
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // processes that it left are not a failure
		return fmt.Errorf("%s: %w", command.Args[0], err), nil
	}
	return nil, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errors.New("interrupted before the second snapshot")
	case <-timer.C:
		return nil
	}
}
