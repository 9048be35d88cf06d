//go:build unix

package launch

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

// otherGroup is the process group of a program that repeats its input: it stands for
// a process and a group that got the number of one that has ended.
type otherGroup struct {
	pid   int
	input io.Writer
	reply *bufio.Reader
}

func newOtherGroup(t *testing.T, program string, args ...string) *otherGroup {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait()
	})
	return &otherGroup{cmd.Process.Pid, input, bufio.NewReader(output)}
}

// check fails the test if a signal has ended the program.
func (o *otherGroup) check(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(o.input, "alive\n"); err != nil {
		t.Fatalf("the group of another program was signalled: %v", err)
	}
	if line, err := o.reply.ReadString('\n'); line != "alive\n" {
		t.Fatalf("the group of another program was signalled: %v", err)
	}
}

// A signal after the end of the command reaches no other group, also while the
// output of the command is still read.
func TestSignalAfterTheEnd(t *testing.T) {
	t.Parallel()
	other := newOtherGroup(t, "cat")
	synctest.Test(t, func(*testing.T) {
		child := &Child{done: make(chan struct{})}
		child.runner.pid, child.runner.messages = other.pid, json.NewDecoder(strings.NewReader(`{"Status":0}`))
		writer := make(chan struct{})
		child.stdio.copies.Go(func() { <-writer })
		go child.await()
		synctest.Wait() // await has the status and waits for the output
		child.Signal(syscall.SIGKILL)
		close(writer)
		<-child.Done()
	})
	other.check(t)
}

// Stop after the end of the watchdog reaches no descendant of a process that got its PID.
func TestStopAfterTheEnd(t *testing.T) {
	t.Parallel()
	other := newOtherGroup(t, "sh", "-c", "cat; true") // the shell is the parent of cat
	other.check(t)
	child := &Child{done: make(chan struct{})}
	child.runner.watchdog, child.runner.gone = other.pid, make(chan struct{})
	close(child.runner.gone)
	close(child.done)
	if members := child.Members(); len(members) > 0 {
		t.Errorf("processes of another program are listed as the command's: %v", members)
	}
	child.Stop()
	other.check(t)
}

// The watchdog kills a group only as long as the number is the command's.
func TestWatchdogSparesOtherGroups(t *testing.T) {
	t.Parallel()
	other := newOtherGroup(t, "cat")
	reaped := processGroup{leader: other.pid}
	if reaped.leaderReaped(); adoptsOrphans {
		reaped.signal(syscall.SIGKILL)
	}
	empty := exec.CommandContext(t.Context(), "true")
	empty.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := empty.Run(); err != nil {
		t.Fatal(err)
	}
	ended := processGroup{leader: empty.Process.Pid}
	if ended.signal(syscall.SIGKILL) {
		t.Error("a group without members counts as alive")
	}
	ended.leader = other.pid // the system gives the number to another group
	ended.signal(syscall.SIGKILL)
	other.check(t)
}
