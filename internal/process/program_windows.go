package process

import (
	"path/filepath"

	"github.com/shirou/gopsutil/v3/process"
	"golang.org/x/sys/windows"
)

// programOf returns the name, the executable and the arguments of a process. gopsutil cuts the command
// line at each space, also in quotes.
func programOf(p *process.Process) (name, exe string, args []string) {
	exe, _ = p.Exe()
	if line, err := p.Cmdline(); err == nil {
		args, _ = windows.DecomposeCommandLine(line)
	}
	if exe != "" {
		name = filepath.Base(exe)
	}
	return name, exe, args
}
