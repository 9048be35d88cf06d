package process

// Available returns the memory that is free for a process, within the limit of its
// container; 0 if that is unknown.
func Available(pid int) int64 {
	system, err := ReadSystem()
	if err != nil {
		return 0
	}
	free := float64(system.Available)
	if info, err := Lookup(pid); err == nil {
		if tree, err := Open(info.ID); err == nil {
			defer tree.Close()
			detail := NoDetail()
			tree.ReadCounts(&detail)
			if left := detail.GroupLimit - detail.Group; left < free { // false if there is no limit
				free = left
			}
		}
	}
	return int64(max(free, 1))
}
