package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/leaktest"
)

// sameByHeap compares the heaps that leaktest stored with "mcpdiag heap": it must name the
// same holder, line, class and bytes per operation as leaktest did.
func sameByHeap(t *testing.T, res *leaktest.Result) {
	t.Helper()
	if len(res.Explained) != 1 || len(res.Explained[0].Kept) < 2 {
		t.Fatalf("explained %+v", res.Explained)
	}
	x := res.Explained[0]
	o := invoke(t, append(append([]string{"heap"}, x.Kept...), "--ops", fmt.Sprint(x.Heap.Operations), "--format", "json")...)
	var again heap.Result
	if err := json.Unmarshal([]byte(o.out), &again); err != nil {
		t.Fatalf("exit code %d: %v\n%s", o.code, err, o.err)
	}
	if o.code != exitFinding {
		t.Errorf("exit code %d", o.code)
	}
	again.A.Name, again.B.Name = x.Heap.A.Name, x.Heap.B.Name // files instead of a process
	if diff := cmp.Diff(x.Heap, &again, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "nodes" }, cmp.Ignore()), cmp.AllowUnexported(heap.Result{}, heap.Holder{})); diff != "" {
		t.Errorf("leaktest and heap differ: %s", diff)
	}
}
