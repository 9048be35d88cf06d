package leaktest

import (
	"os"
	"runtime"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Of several collectors the one that holds more than it may decides; a process that
// ended holds nothing.
func TestCollectors(t *testing.T) {
	self, err := process.Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	held := rssOf(self.ID)
	calm := collector{self.ID, held, 1 << 20}
	ended := collector{process.ID{PID: self.PID, Start: self.Start + 1}, 0, 0}
	if held <= 0 || (collectors{calm, ended}).beyond() || (collectors{}).beyond() {
		t.Errorf("%.1f MB are beyond what may be held", held)
	}
	if !(collectors{calm, {self.ID, 0, held / 2}}).beyond() {
		t.Errorf("%.1f MB are not beyond half of it", held)
	}
	if got := (collectors{calm, calm}).mayMB(); got != 2<<20 {
		t.Errorf("together they may hold %.0f MB", got)
	}
}

// A program of Go in a container, or deleted by an upgrade, has no path here.
func TestProgramWithoutPath(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux shows the program of a process without its path")
	}
	if info := (process.Info{ID: process.ID{PID: os.Getpid()}, Exe: "/app/server"}); !live.IsGo(&info) {
		t.Error("this test is built by Go")
	}
}

func TestJavaHeap(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]float64{"-Xmx64m": 64, "-Xmx2G": 2048, "-Xmx524288k": 512, "-Xmx1048576": 1} {
		if got := javaHeap([]string{"java", arg, "Server"}); got != want {
			t.Errorf("%s is %.1f MB, want %.1f", arg, got, want)
		}
	}
	if got := javaHeap(nil); got <= 0 {
		t.Errorf("by default %.1f MB", got)
	}
}
