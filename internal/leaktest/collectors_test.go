package leaktest

import (
	"os"
	"testing"

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
