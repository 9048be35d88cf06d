package process

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// The process that listens is found over both protocols; of a process and its worker that
// share the socket, it is the process.
func TestListening(t *testing.T) {
	for _, host := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", host)
		if err != nil {
			t.Log("skipped: ", err)
			continue
		}
		port := l.Addr().(*net.TCPAddr).Port
		startWorker(t, l.(*net.TCPListener))
		if info, err := Listening(port); err != nil || info.PID != os.Getpid() {
			t.Errorf("%s: process %d, %v; want %d", host, info.PID, err, os.Getpid())
		}
		if ports, err := Ports(os.Getpid()); err != nil || !slices.Contains(ports, port) {
			t.Errorf("%d is not in %v, %v", port, ports, err)
		}
		_ = l.Close()
	}
	port := processtest.FreePort(t)
	if info, err := Listening(port); !errors.Is(err, ErrNoMatch) {
		t.Errorf("on the free port %d listens %+v, %v", port, info, err)
	}
}

// startWorker starts a process that has the socket of l, too, where a process can pass it on.
func startWorker(t *testing.T, l *net.TCPListener) {
	t.Helper()
	file, err := l.File()
	if err != nil {
		t.Log("no worker: ", err)
		return
	}
	defer file.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), processtest.Env+"=wait")
	stdin, err := cmd.StdinPipe()
	if err == nil {
		cmd.ExtraFiles = []*os.File{file}
		err = cmd.Start()
	}
	if err != nil {
		t.Log("no worker: ", err)
		return
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
}

// The error about a process that does not exist names it.
func TestPortsOfNoProcess(t *testing.T) {
	if ports, err := Ports(1 << 30); err == nil || !strings.Contains(err.Error(), "listing the connections of process") {
		t.Errorf("%v, %v", ports, err)
	}
}
