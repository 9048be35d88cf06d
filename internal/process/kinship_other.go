//go:build !linux && !windows

package process

import "github.com/shirou/gopsutil/v3/process"

// refresh prepares for the calls of children of one tick by one scan: gopsutil's Children
// starts a program for each process.
func (k *kinship) refresh() error {
	procs, err := process.Processes()
	k.kids = map[int][]int{}
	for _, p := range procs {
		if parent, err := p.Ppid(); err == nil {
			k.kids[int(parent)] = append(k.kids[int(parent)], int(p.Pid))
		}
	}
	return err
}
