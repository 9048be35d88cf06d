package launch

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// stdio connects the standard streams of a command. Files are passed to it as
// they are; other readers and writers are connected by pipes and copied.
type stdio struct {
	theirs  []*os.File // the command's ends of the pipes, until it has started
	inputs  []*os.File // our ends of its standard input
	outputs []*os.File // our ends of its output
	copies  sync.WaitGroup
}

// drainTime is how long output is read after the command ended: a process that it
// started may hold the pipe open.
const drainTime = time.Second

// open sets the standard streams of cmd.
func (s *stdio) open(cmd *exec.Cmd, c Command) (err error) {
	stdin, err := s.input(c.Stdin)
	if err != nil {
		return err
	}
	stdout, err := s.output(c.Stdout)
	if err != nil {
		return err
	}
	stderr := stdout
	if c.Stderr == nil || c.Stderr != c.Stdout { // one pipe for one writer: it is written by one goroutine
		if stderr, err = s.output(c.Stderr); err != nil {
			return err
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	return nil
}

func (s *stdio) input(from io.Reader) (*os.File, error) {
	if f, ok := from.(*os.File); ok {
		return f, nil
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		s.close()
		return nil, err
	}
	s.theirs, s.inputs = append(s.theirs, theirs), append(s.inputs, ours)
	if from != nil {
		go func() {
			_, _ = io.Copy(ours, from) // a command that reads no more has ended, or will be ended
			_ = ours.Close()
		}()
	}
	return theirs, nil
}

func (s *stdio) output(to io.Writer) (*os.File, error) {
	if f, ok := to.(*os.File); ok {
		return f, nil
	}
	if to == nil {
		f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			s.close()
			return nil, err
		}
		s.theirs = append(s.theirs, f)
		return f, nil
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		s.close()
		return nil, err
	}
	s.theirs, s.outputs = append(s.theirs, theirs), append(s.outputs, ours)
	s.copies.Go(func() {
		_, _ = io.Copy(to, ours)
		_, _ = io.Copy(io.Discard, ours) // a writer that fails loses the output: a full pipe would block the command
	})
	return theirs, nil
}

// started closes the command's ends of the pipes: it has its own copies.
func (s *stdio) started() {
	for _, f := range s.theirs {
		_ = f.Close()
	}
	s.theirs = nil
}

// drain reads the rest of the output of a command that has ended.
func (s *stdio) drain() {
	copied := make(chan struct{})
	go func() {
		s.copies.Wait()
		close(copied)
	}()
	within(drainTime, copied)
	s.close()
	within(drainTime, copied) // longer only where a writer blocks
}

func (s *stdio) closeStdin() {
	for _, f := range s.inputs {
		_ = f.Close() // closed already when its source has ended
	}
}

func (s *stdio) close() {
	for _, f := range slices.Concat(s.theirs, s.inputs, s.outputs) {
		_ = f.Close()
	}
}
