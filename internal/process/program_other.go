//go:build !linux && !windows && !darwin

package process

import "github.com/shirou/gopsutil/v3/process"

// programOf returns the name, the executable and the arguments of a process.
func programOf(p *process.Process) (name, exe string, args []string) {
	name, _ = p.Name()
	exe, _ = p.Exe()
	args, _ = p.CmdlineSlice()
	return name, exe, args
}
