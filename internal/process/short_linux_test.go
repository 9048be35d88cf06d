package process

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Where no more files may be open, a reading says that it is short, and is whole
// again when they may.
func TestShort(t *testing.T) {
	child := helper(t, "tree 20 1")
	tree := openTree(t, child.Process.Pid)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	few := was
	few.Cur = uint64(tree.root.status.Fd()) + 20
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	r, err := tree.Read()
	if back := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); back != nil {
		t.Fatal(back)
	}
	if err != nil || !r.Short || r.Children >= 20 {
		t.Errorf("%+v, %v: want fewer than 20 children, and that they are", r, err)
	}
	if r := read(t, tree); r.Short || r.Children != 20 {
		t.Errorf("%+v: want 20 children", r)
	}
}
