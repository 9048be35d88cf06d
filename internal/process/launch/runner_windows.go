package launch

import (
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Watchdog is not used: a job object ends the processes that mcpdiag started.
func Watchdog() int { return 1 }

// runner starts a command and controls it.
type runner struct {
	pid  int
	cmd  *exec.Cmd
	gone chan struct{} // closed when the command has ended

	mu   sync.Mutex
	tree *process.Tree // guarded by mu
}

// joinJob puts this process into a job object that ends all its processes when its last
// handle closes. Descendants belong to the job from their start, so none outlives
// mcpdiag, however it ends.
var joinJob = sync.OnceFunc(func() {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err == nil {
		_ = windows.AssignProcessToJobObject(job, windows.CurrentProcess()) // the handle stays open until mcpdiag ends
	}
})

// start starts the command that cmd describes.
func (r *runner) start(cmd *exec.Cmd) error {
	joinJob()
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
	if cmd.Dir != "" && filepath.Base(cmd.Path) != cmd.Path && !filepath.IsAbs(cmd.Path) {
		cmd.Path = filepath.Join(cmd.Dir, cmd.Path)
	}
	if path, err := exec.LookPath(cmd.Path); err == nil {
		cmd.Path = path // with its ending
	}
	if isBatch(cmd.Path) {
		interpreter, err := systemFile("cmd.exe")
		if err != nil {
			return err
		}
		if cmd.SysProcAttr.CmdLine, err = batchLine(interpreter, cmd.Path, cmd.Args[1:]); err != nil {
			return err
		}
		cmd.Path = interpreter
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r.cmd, r.pid, r.gone = cmd, cmd.Process.Pid, make(chan struct{})
	return nil
}

// systemFile returns the path of a program of Windows itself.
func systemFile(name string) (string, error) {
	folder, err := windows.GetSystemDirectory()
	return filepath.Join(folder, name), err
}

// noProgram is the error of a file that is not a program, and noProgramHint names the remedy.
const (
	noProgram     = windows.ERROR_BAD_EXE_FORMAT
	noProgramHint = "not a program for this machine; give the interpreter of a script first, such as node or python"
)

// wait waits for the end of the command.
func (r *runner) wait() (status syscall.WaitStatus, known bool) {
	_ = r.cmd.Wait() // its state has the status
	close(r.gone)
	status, known = r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return status, known
}

// members lists the command and everything that it started, as far as it lives.
func (r *runner) members() []process.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tree == nil {
		if isClosed(r.gone) {
			return nil // the PID may be another process's
		}
		if r.tree, _ = process.Open(process.ID{PID: r.pid}); r.tree == nil {
			return nil // it ended, or is just starting
		}
	}
	_, _ = r.tree.Read() // finds the descendants, also those of a process that has ended
	return r.tree.Members()
}

// terminate kills the command and its descendants: Windows has no signal that asks
// a process to end.
func (r *runner) terminate() {
	for _, id := range r.members() {
		process.Kill(id)
	}
	_ = r.cmd.Process.Kill()
}

// kill repeats terminate for processes that were started meanwhile.
func (r *runner) kill() { r.terminate() }
