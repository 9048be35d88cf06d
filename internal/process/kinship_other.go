//go:build !linux && !windows

package process

import "github.com/shirou/gopsutil/v3/process"

// kinship is one scan of all parents per tick: gopsutil's Children starts a
// program for each process.
type kinship struct{ kids map[int][]int }

// refresh prepares for the calls of children of one tick.
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

func (k *kinship) children(dst []int, p *proc) ([]int, error) {
	return append(dst, k.kids[p.id.PID]...), nil
}
