package process

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
)

func TestBirths(t *testing.T) {
	for _, c := range []struct {
		name string
		last []int // as the kernel tells it, look by look
		want []bool
	}{
		{"after a birth it asks twice", []int{7, 7, 7, 8, 8, 8}, []bool{true, true, false, true, true, false}},
		{"nobody tells", []int{0, 0, 0}, []bool{true, true, true}},
		{"a PID that came round", []int{7, 7, 7, 3}, []bool{true, true, false, true}},
		{"each look has its birth", []int{7, 8, 9}, []bool{true, true, true}},
	} {
		var b births
		var got []bool
		for _, last := range c.last {
			got = append(got, b.since(last))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// quiet looks until b no longer asks.
func quiet(t *testing.T, b *births) {
	t.Helper()
	for range 3 {
		if !b.since(7) {
			return
		}
	}
	t.Fatal("it asks on, and nothing began")
}

func TestBirthsAreNotBelievedForEver(t *testing.T) {
	var b births
	quiet(t, &b)
	looks := 1
	for ; !b.since(7); looks++ {
		if looks > quietFor {
			t.Fatalf("nobody was asked at %d looks", looks)
		}
	}
	b.found(8) // it began since
	quiet(t, &b)
	for looks := 0; !b.since(7); looks++ {
		if looks > quietFor {
			t.Fatal("a kernel is believed for ever")
		}
	}
	b.found(7) // a kernel that tells nothing
	for range 3 {
		if !b.since(7) {
			t.Fatal("a kernel that was wrong is believed")
		}
	}
}

func TestDoubtAsks(t *testing.T) {
	var b births
	quiet(t, &b)
	b.doubt()
	if got := []bool{b.since(7), b.since(7), b.since(7)}; !slices.Equal(got, []bool{true, true, false}) {
		t.Errorf("%v: it did not ask twice", got)
	}
}

func TestLastPIDMoves(t *testing.T) {
	if loadavg() == nil {
		t.Skip("no /proc/loadavg that tells of all processes here")
	}
	before := lastPID()
	if err := exec.Command(os.Args[0], "-test.run=^$").Run(); err != nil {
		t.Fatal(err)
	}
	if after := lastPID(); before == 0 || after == before {
		t.Errorf("PID %d, and after a process began %d", before, after)
	}
}

// A list of children may be longer than what is read at once.
func TestManyChildren(t *testing.T) {
	const many = 200
	script := exec.Command("/bin/sh", "-c", `i=0; while [ $i -lt 200 ]; do sleep 60 >/dev/null & i=$((i+1)); pids="$pids $!"; done
		trap 'kill $pids; exit' TERM; echo ready; wait`)
	out, err := script.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = script.Process.Signal(syscall.SIGTERM)
		_ = script.Wait()
	})
	_, _ = out.Read(make([]byte, 8))
	if r := read(t, openTree(t, script.Process.Pid)); r.Children != many {
		t.Errorf("%d children, want %d", r.Children, many)
	}
}
