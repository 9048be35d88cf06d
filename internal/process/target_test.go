package process

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

func TestTargetFind(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	marker := "mcpdiag-target-" + t.Name()
	named := helper(t, "wait", marker).Process.Pid
	for name, c := range map[string]struct {
		target Target
		want   int
	}{
		"PID":  {Target{PID: os.Getpid()}, os.Getpid()},
		"name": {Target{Name: marker}, named},
		"port": {Target{Port: l.Addr().(*net.TCPAddr).Port}, os.Getpid()},
	} {
		found, err := c.target.Find()
		if err != nil || len(found) != 1 || found[0].PID != c.want {
			t.Errorf("%s: %v %v, want PID %d", name, found, err, c.want)
		}
	}
	if _, err := (Target{Port: 1}).Find(); !errors.Is(err, ErrNoMatch) {
		t.Errorf("a port without a listener: %v", err)
	}
	if _, err := (Target{}).Find(); err == nil {
		t.Error("an empty target was found")
	}
}

func TestTargetFindRestarted(t *testing.T) {
	marker := "mcpdiag-target-" + t.Name()
	target := Target{Name: marker}
	helper(t, "wait", marker)
	old, err := target.Find()
	if err != nil {
		t.Fatal(err)
	}
	since := old[0].Started.Add(-time.Second)
	if found := target.FindRestarted([]ID{old[0].ID}, since); len(found) > 0 {
		t.Errorf("the known process was taken for a new one: %v", found)
	}
	restarted := helper(t, "wait", marker).Process.Pid
	if found := target.FindRestarted([]ID{old[0].ID}, since); len(found) != 1 || found[0].PID != restarted {
		t.Errorf("%v, want PID %d", found, restarted)
	}
	if found := target.FindRestarted(nil, time.Now().Add(time.Hour)); len(found) > 0 {
		t.Errorf("older processes were taken for new ones: %v", found)
	}
}
