package process

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func openTree(t testing.TB, pid int) *Tree {
	t.Helper()
	tree, err := Open(ID{PID: pid})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	return tree
}

func read(t testing.TB, tree *Tree) Reading {
	t.Helper()
	r, err := tree.Read()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTreeCountsAllGenerations(t *testing.T) {
	for _, scan := range []bool{false, true} {
		tree := openTree(t, helper(t, "tree 2 3").Process.Pid)
		forceScan(tree, scan)
		r := read(t, tree)
		if want := 2 + 4 + 8; r.Children != want {
			t.Errorf("scan %v: %d descendants, want %d", scan, r.Children, want)
		}
		if len(tree.Members()) != r.Children+1 || tree.Members()[0] != tree.ID() {
			t.Errorf("scan %v: members %v", scan, tree.Members())
		}
		if r.Total.RSS < 15*r.Self.RSS/2 || r.Self.RSS == 0 || r.Self.VMS < r.Self.RSS && runtime.GOOS != "windows" { // where VMS is what was committed
			t.Errorf("scan %v: total %+v of self %+v", scan, r.Total, r.Self)
		}
	}
}

func TestTreeFindsChildrenStartedLater(t *testing.T) {
	for _, scan := range []bool{false, true} {
		tree := openTree(t, os.Getpid())
		forceScan(tree, scan)
		read(t, tree)
		started := helper(t, "tree 1 1").Process.Pid
		read(t, tree)
		isNew := func(id ID) bool { return id.PID == started }
		if !slices.ContainsFunc(tree.Members(), isNew) || childOf(t, tree, started) == 0 {
			t.Errorf("scan %v: %v holds not %d and its child", scan, tree.Members(), started)
		}
	}
}

func TestReadOfAnEndedProcess(t *testing.T) {
	cmd := helper(t, "wait")
	tree := openTree(t, cmd.Process.Pid)
	_ = cmd.Process.Kill()
	// It is a zombie now, for this test has not waited for it yet.
	processtest.Eventually(t, "the end is seen", func() bool {
		_, err := tree.Read()
		return errors.Is(err, ErrEnded)
	})
	_ = cmd.Wait()
	if _, err := tree.Read(); !errors.Is(err, ErrEnded) {
		t.Errorf("after it was collected: %v", err)
	}
	if _, err := Open(tree.ID()); err == nil {
		t.Error("an ended process was opened")
	}
}

func TestOpenChecksTheStart(t *testing.T) {
	id := openTree(t, os.Getpid()).ID()
	id.Start++
	if _, err := Open(id); !errors.Is(err, ErrEnded) {
		t.Errorf("another process with this PID: %v, want ErrEnded", err)
	}
}

func TestTreeKeepsOrphans(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("orphans are seen to move on Linux only")
	}
	cmd := helper(t, "tree 1 2")
	tree := openTree(t, cmd.Process.Pid)
	read(t, tree)
	middle := childOf(t, tree, cmd.Process.Pid)
	if p, err := os.FindProcess(middle); err != nil || p.Kill() != nil {
		t.Fatal("cannot kill the child")
	}
	processtest.Eventually(t, "the child is gone, the grandchild is not", func() bool {
		r := read(t, tree)
		return r.Children == 1 && r.Zombies == 1
	})
}

// childOf names the direct child of pid.
func childOf(t *testing.T, tree *Tree, pid int) int {
	t.Helper()
	for _, id := range tree.Members() {
		if info, err := Lookup(id.PID); err == nil && info.Parent == pid {
			return id.PID
		}
	}
	t.Fatal("no child")
	return 0
}

func TestTreeCountsZombies(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("zombies are told apart on Linux only")
	}
	tree := openTree(t, helper(t, "zombie").Process.Pid)
	processtest.Eventually(t, "one zombie and no child", func() bool {
		r := read(t, tree)
		return r.Zombies == 1 && r.Children == 0
	})
}

func BenchmarkTree(b *testing.B) {
	tree := openTree(b, helper(b, "tree 20 1").Process.Pid)
	for _, scan := range []bool{false, true} {
		b.Run(map[bool]string{false: "from=children", true: "from=scan"}[scan], func(b *testing.B) {
			forceScan(tree, scan)
			b.ReportAllocs()
			for b.Loop() {
				if r := read(b, tree); r.Children != 20 {
					b.Fatalf("%d children", r.Children)
				}
			}
		})
	}
}
