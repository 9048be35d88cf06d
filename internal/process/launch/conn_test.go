package launch

import (
	"bufio"
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestConn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	var log Tail
	c, err := Dial(Command{Args: []string{"/bin/sh", "-c", "echo starting >&2; cat; echo 'at main.js:1' >&2; echo over >&2; exit 3"}, Stderr: &log})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "ping\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "ping\n" {
		t.Errorf("%q %v, want ping", line, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := c.Exit().Code; got != 3 {
		t.Errorf("exit code %d, want 3: it may end by itself", got)
	}
	if got := log.Last(); got != "starting / over" {
		t.Errorf("log %q", got)
	}
}

// TestTailHidesSecrets: the last words of a server stand in errors and reports.
func TestTailHidesSecrets(t *testing.T) {
	t.Parallel()
	var log Tail
	_, _ = io.WriteString(&log, "ValueError: DB_PASSWORD=sesame is wrong\n"+strings.Repeat("long ", 1000)+"\n")
	if got := log.Last(); strings.Contains(got, "sesame") || len(got) > 2*lineWidth {
		t.Errorf("%d bytes: %.80s", len(got), got)
	}
}

func TestTailIsBounded(t *testing.T) {
	var log Tail
	for range 3 {
		_, _ = log.Write([]byte(strings.Repeat("x", 2*TailBytes)))
	}
	if len(log.text) != TailBytes {
		t.Errorf("%d bytes are kept, want %d", len(log.text), TailBytes)
	}
}
