package launch

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// adoptsOrphans reports whether becomeReaper makes this process the parent of orphans.
const adoptsOrphans = true

// becomeReaper makes this process the parent of its descendants whose parents end,
// and gives it the name under which ps and pkill find it.
func becomeReaper() {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // Linux 3.4
	if comm, err := os.OpenFile("/proc/self/comm", os.O_WRONLY, 0); err == nil {
		_, _ = comm.WriteString(process.WatchdogName) // otherwise ps shows "exe"
		_ = comm.Close()
	}
}

// endWithParent has the kernel kill the child when its parent is killed.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// ownProgram returns the path of this program. It works also when the file was
// replaced or removed since.
func ownProgram() (string, error) { return "/proc/self/exe", nil }
