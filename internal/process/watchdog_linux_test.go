package process

import (
	"os"
	"testing"
)

// A watchdog that is killed takes the command with it, whose status is unknown.
func TestKilledWatchdog(t *testing.T) {
	child := start(t, "wait")
	watchdog, err := os.FindProcess(child.runner.watchdog)
	if err != nil || watchdog.Kill() != nil {
		t.Fatal("cannot kill the watchdog")
	}
	<-child.Done()
	if got := child.Exit().Code; got != -1 {
		t.Errorf("exit code %d, want -1 for unknown", got)
	}
	eventually(t, "the command has ended", func() bool { return !lives(child.Info.ID) })
}
