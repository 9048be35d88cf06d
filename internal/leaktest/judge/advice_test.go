package judge_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
)

// Each load has an entry, and each entry is of a load or a count.
func TestKnowledge(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("knowledge.json")
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]judge.Cause
	if err := json.Unmarshal(data, &known); err != nil {
		t.Fatal(err)
	}
	for _, id := range load.IDs() {
		if c := known[id]; c.Means == "" || c.Look == "" {
			t.Errorf("there is no advice on %s", id)
		}
		delete(known, id)
	}
	for _, c := range judge.Counters() {
		delete(known, "counted:"+c.Name)
	}
	for id := range known {
		t.Errorf("%s is neither a load nor a count", id)
	}
}
