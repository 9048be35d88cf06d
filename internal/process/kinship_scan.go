//go:build !linux

package process

// kinship finds the children of processes by one scan of all processes per tick.
type kinship struct{ kids map[int][]int } // parent → children

func (k *kinship) children(dst []int, p *proc) ([]int, error) {
	return append(dst, k.kids[p.id.PID]...), nil
}
