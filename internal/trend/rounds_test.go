package trend

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestReadRounds(t *testing.T) {
	in := "\ufeffround, ops_total,note,rss_tree_kb,nproc\r\n0,0,x,1024,1\r\n1,100,\"a\nb\",2048,2\r\n2,200,,,3\r\n3,300,y,-5,3\n4,400,z,4096,5"
	rounds, warnings, err := ReadRounds(strings.NewReader(in))
	want := []Round{{0, 0, 1, 0, 1}, {1, 100, 2, 0, 2}, {4, 400, 4, 0, 5}}
	if err != nil || len(rounds) != 3 || rounds[0] != want[0] || rounds[1] != want[1] || rounds[2] != want[2] {
		t.Errorf("%v, %v; want %v", rounds, err, want)
	}
	if len(warnings) != 2 || !strings.Contains(warnings[0], "line 5") {
		t.Errorf("warnings %q", warnings)
	}
	for _, bad := range []string{"", "round,rss_tree_kb\n1,2\n", "ops_total,rss_tree_kb\n\"1,2\n"} {
		if _, err := JudgeFile(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// zeros is a file without an end.
type zeros struct{ n int }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.n += len(p)
	return len(p), nil
}

// TestEndlessRounds: a line without an end is not read into memory.
func TestEndlessRounds(t *testing.T) {
	t.Parallel()
	var in zeros
	if _, err := JudgeFile(io.LimitReader(&in, 4*maxBytes)); err == nil || in.n > 2*maxBytes {
		t.Errorf("%v after %d bytes", err, in.n)
	}
}

// Processes that are kept are a leak even when the memory says nothing yet.
func TestJudgeRoundsCountsProcesses(t *testing.T) {
	rounds := make([]Round, 12)
	for i := range rounds {
		rounds[i] = Round{Number: i, Operations: float64(10 * i), MB: 500, Processes: 1 + 2*i}
	}
	j := JudgeRounds(rounds)
	if j.Verdict != Leak || j.Reasons[0].Code != Processes {
		t.Errorf("%+v", j)
	}
	rounds[11].Processes = 1
	if j := JudgeRounds(rounds); j.Verdict != NoLeak {
		t.Errorf("processes that ended: %+v", j)
	}
}

func FuzzJudgeFile(f *testing.F) {
	f.Add("round,ops_total,rss_tree_kb\n0,0,100\n1,5,200\n")
	f.Add("ops_total,rss_tree_kb\n" + strings.Repeat("1e17,1e17\n0,0\n1e-300,9e17\n", 5))
	f.Fuzz(func(t *testing.T, text string) {
		j, err := JudgeFile(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := json.Marshal(j); err != nil {
			t.Errorf("the verdict on %q is no JSON: %v", text, err)
		}
		if j.Verdict != Leak && j.Verdict != NoLeak && j.Verdict != Undecided || len(j.Reasons) == 0 {
			t.Errorf("%+v", j)
		}
	})
}

// The live heap decides if each round has it.
func TestRoundsWithLiveHeap(t *testing.T) {
	t.Parallel()
	var whole, part strings.Builder
	whole.WriteString("ops_total,rss_tree_kb,live_kb\n")
	part.WriteString("ops_total,rss_tree_kb,live_kb\n")
	for i := range 14 {
		rss, live := 90_000+[]int{0, 9000, 3000, 14000, 6000}[i%5], 17_000+200*i+i%3
		fmt.Fprintf(&whole, "%d,%d,%d\n", 1000*i, rss, live)
		if i == 5 {
			fmt.Fprintf(&part, "%d,%d,\n", 1000*i, rss)
		} else {
			fmt.Fprintf(&part, "%d,%d,%d\n", 1000*i, rss, live)
		}
	}
	for text, want := range map[string]Verdict{whole.String(): Leak, part.String(): Undecided} {
		j, err := JudgeFile(strings.NewReader(text))
		if err != nil || (j.Verdict == Leak) != (want == Leak) {
			t.Errorf("%s, %v, want %s", j.Verdict, err, want)
		}
	}
}
