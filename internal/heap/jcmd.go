package heap

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

const (
	jcmdTime     = time.Minute // it waits for the collection
	maxJcmd      = 64 << 20    // bytes of a histogram
	maxComplaint = 4 << 10
)

// IsJVM reports whether a process runs the java launcher.
func IsJVM(info *process.Info) bool {
	name := strings.TrimSuffix(filepath.Base(info.Exe), " (deleted)") // by an upgrade
	return slices.Contains([]string{"java", "javaw", "java.exe", "javaw.exe"}, name)
}

// ClassHistogram collects the garbage of a JVM and returns its class histogram, by
// jcmd. The process stops meanwhile.
func ClassHistogram(ctx context.Context, info *process.Info) ([]byte, error) {
	name := fmt.Sprintf("process %d (%s)", info.PID, filepath.Base(info.Exe))
	if !IsJVM(info) {
		return nil, fmt.Errorf("%s is not java", name)
	}
	if !process.Catches(info.PID, process.SignalNumber("QUIT")) {
		return nil, fmt.Errorf("%s does not handle SIGQUIT, by which jcmd asks for its heap: it runs with -Xrs", name)
	}
	program, err := exec.LookPath("jcmd")
	if err != nil {
		return nil, fmt.Errorf("%s: jcmd, which reads the heap of a JVM, is not on the PATH; it comes with a JDK, such as the package openjdk-17-jdk-headless", name)
	}
	ctx, cancel := context.WithTimeout(ctx, jcmdTime)
	defer cancel()
	out, complaint := &report.Head{Left: maxJcmd}, &report.Head{Left: maxComplaint}
	cmd := exec.CommandContext(ctx, program, strconv.Itoa(info.PID), "GC.class_histogram") //nolint:gosec // of the user's own PATH
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, complaint, time.Second
	switch err := cmd.Run(); {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("jcmd gave no class histogram of %s: %w", name, ctx.Err())
	case err != nil:
		line, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		return nil, fmt.Errorf("jcmd gave no class histogram of %s: %s", name, report.Cell(line, 200))
	case out.Left == 0:
		return nil, errors.New("the class histogram of " + name + " is too large")
	}
	return out.Bytes(), nil
}
