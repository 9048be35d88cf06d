package proxy

import (
	"os"
	"os/exec"
	"testing"
)

// TestClientIsGone: the end of a client is seen, before and after it was opened.
func TestClientIsGone(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "cmd.exe", "/d", "/c", "pause")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := openProcess(cmd.Process.Pid)
	if client.gone() {
		t.Error("a process that waits counts as ended")
	}
	_ = in.Close()
	_ = cmd.Wait()
	if !client.gone() || !openProcess(cmd.Process.Pid).gone() {
		t.Error("a process that has ended counts as alive")
	}
	if openProcess(os.Getpid()).gone() {
		t.Error("this process counts as ended")
	}
}
