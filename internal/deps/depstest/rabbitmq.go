//go:build unix

package depstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// rabbitProgram is where Debian keeps the script that starts RabbitMQ as any user.
const rabbitProgram = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// RabbitMQ starts RabbitMQ with its management API, on a port that is 10,000 above that of
// AMQP as usual. The log is that of the requests to the API. It skips the test where
// RabbitMQ is missing.
func RabbitMQ(t testing.TB) Server {
	t.Helper()
	if _, err := os.Stat(rabbitProgram); err != nil {
		t.Skip("RabbitMQ is missing: it comes with Debian's rabbitmq-server")
	}
	dir := t.TempDir()
	port, names, inner := rabbitPort(t), processtest.FreePort(t), processtest.FreePort(t)
	write(t, filepath.Join(dir, "plugins"), "[rabbitmq_management].\n")
	write(t, filepath.Join(dir, "rabbit.conf"), fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nmanagement.tcp.port = %d\nmanagement.tcp.ip = 127.0.0.1\n"+
		"management.http_log_dir = %s\ncollect_statistics_interval = 200\ndisk_free_limit.absolute = 1MB\n", port, port+10_000, filepath.Join(dir, "http")))
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "ERL_EPMD_ADDRESS=127.0.0.1", fmt.Sprintf("ERL_EPMD_PORT=%d", names),
		fmt.Sprintf("RABBITMQ_NODENAME=test%d@localhost", port), fmt.Sprintf("RABBITMQ_DIST_PORT=%d", inner), "RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "mnesia"),
		"RABBITMQ_LOG_BASE=" + filepath.Join(dir, "logs"), "RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "plugins"), "RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "rabbit.conf"),
	}
	write(t, filepath.Join(dir, "node"), strings.Join(environ, "\n"))
	inGroup(t, dir, environ, "epmd", "-port", fmt.Sprint(names)) // without it there is no distribution
	log := inGroup(t, dir, environ, rabbitProgram)
	answers(t, fmt.Sprintf("http://guest:guest@127.0.0.1:%d/api/health/checks/port-listener/%d", port+10_000, port), log) // it comes up last
	return Server{fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d", port), filepath.Join(dir, "http")}
}

// inGroup starts a program whose children end with it.
func inGroup(t testing.TB, dir string, environ []string, program string, args ...string) (log string) {
	t.Helper()
	log = filepath.Join(dir, filepath.Base(program)+".log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, environ, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() })
	return log
}

// rabbitPort returns a free port, as is the one 10,000 above.
func rabbitPort(t testing.TB) int {
	t.Helper()
	for range 2000 {
		port := 20000 + rand.IntN(2700)
		if isFree(t, port) && isFree(t, port+10_000) {
			return port
		}
	}
	t.Fatal("no pair of ports is free")
	return 0
}

func isFree(t testing.TB, port int) bool {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

// Requests returns the requests in a log of RabbitMQ's management API, without the query.
func Requests(t testing.TB, dir string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "access.log*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log in %s: %v", dir, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for row := range strings.Lines(string(text)) {
			if parts := strings.Split(row, `"`); len(parts) > 1 {
				path, _, _ := strings.Cut(strings.TrimSuffix(parts[1], " HTTP/1.1"), "?")
				all = append(all, path+" "+parts[len(parts)-2])
			}
		}
	}
	return all
}

// SetMemoryLimit sets the share of the memory of the machine above which the server has an
// alarm.
func SetMemoryLimit(t testing.TB, server Server, share string) {
	t.Helper()
	dir := filepath.Dir(server.Log)
	text, err := os.ReadFile(filepath.Join(dir, "node"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/lib/rabbitmq/bin/rabbitmqctl", "set_vm_memory_high_watermark", share)
	cmd.Env = strings.Split(string(text), "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rabbitmqctl: %v\n%s", err, out)
	}
}
