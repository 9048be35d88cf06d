package process

import "testing"

// A process with the PID of an earlier parent does not get its children.
func TestTreeLeavesStrangersOut(t *testing.T) {
	tree := openTree(t, helper(t, "tree 2 1").Process.Pid)
	tree.root.id.Start += 60_000
	if err := tree.grow(); err != nil || len(tree.Members()) != 1 {
		t.Errorf("%v, %v, want the root alone", tree.Members(), err)
	}
}
