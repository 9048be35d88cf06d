package process

import (
	"path/filepath"

	"github.com/shirou/gopsutil/v3/process"
	"golang.org/x/sys/unix"
)

// programOf returns the name, the executable and the arguments of a process. Without cgo gopsutil starts
// lsof and ps for them, and cuts arguments at each space. Only the user's own processes are readable.
func programOf(p *process.Process) (name, exe string, args []string) {
	if data, err := unix.SysctlRaw("kern.procargs2", int(p.Pid)); err == nil {
		exe, args = parseProcargs(data)
	}
	if exe != "" {
		return filepath.Base(exe), exe, args
	}
	name, _ = p.Name()
	return name, "", nil
}
