package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// A process that ends and comes back under its name is followed, and marked.
func TestRunFollowsARestart(t *testing.T) {
	marker := "mcpdiag-" + t.Name()
	first, stop := processtest.Start(t, "wait", marker)
	var second *exec.Cmd
	var out bytes.Buffer
	seen := map[int]int{}
	each := func(s *Sample) {
		seen[s.PID]++
		switch {
		case s.PID == first.Process.Pid && seen[s.PID] == 3:
			stop()
			second, stop = processtest.Start(t, "wait", marker)
		case s.PID != first.Process.Pid && seen[s.PID] == 3:
			stop()
		}
	}
	cfg := Config{Target: process.Target{Name: marker}, Interval: MinInterval, RestartWait: 2 * searchEvery}
	res, err := Run(t.Context(), cfg, &out, each)
	if err != nil || len(res.Processes) != 2 {
		t.Fatalf("%+v, %v", res, err)
	}
	before, after := res.Processes[0], res.Processes[1]
	if !before.Ended || before.Restarted || !after.Restarted || after.PID != second.Process.Pid || after.Samples != 3 {
		t.Errorf("%+v then %+v", before, after)
	}
	if res.Verdict == trend.NoLeak || !slices.ContainsFunc(res.Warnings, func(w string) bool { return strings.HasPrefix(w, "restarted") }) {
		t.Errorf("%s, warnings %q", res.Verdict, res.Warnings)
	}
	rows := parseRows(t, out.String())
	if events := strings.Count(out.String(), ",restarted\n"); events != 1 || rows[4][len(rows[4])-1] != "restarted" {
		t.Errorf("%d rows are marked, want the fourth:\n%s", events, out.String())
	}
}

func TestRunOfACommand(t *testing.T) {
	t.Setenv(processtest.Env, "tree 1 1")
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cfg := Config{Command: &launch.Command{Args: []string{os.Args[0]}, Stdout: log}, Interval: MinInterval}
	var tree []process.ID
	var said []byte
	res, err := Run(ctx, cfg, nil, func(s *Sample) {
		if said, _ = os.ReadFile(log.Name()); bytes.Contains(said, []byte("ready")) {
			cancel() // it and its child run
		}
		members, openErr := process.Open(process.ID{PID: s.PID})
		if openErr != nil {
			t.Fatal(openErr)
		}
		defer members.Close()
		_, _ = members.Read()
		tree = members.Members()
	})
	if err != nil || len(tree) != 2 || res.Processes[0].Exit != nil {
		t.Fatalf("%+v with %v, %v", res.Processes[0], tree, err)
	}
	for _, id := range tree {
		if p, err := process.Open(id); err == nil {
			p.Close()
			t.Errorf("PID %d is left behind", id.PID)
		}
	}
	if !bytes.Contains(said, []byte("ready")) {
		t.Errorf("the output of the command: %q", said)
	}
}

func TestRunReportsHowACommandEnds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	for script, want := range map[string]string{
		"exit 0":        "exit status 0",
		"exit 3":        "exit status 3",
		"kill -KILL $$": "killed by signal 9 (killed)",
	} {
		cfg := Config{Command: &launch.Command{Args: []string{"/bin/sh", "-c", script}}, Interval: time.Second}
		res, err := Run(t.Context(), cfg, nil, nil)
		if err != nil || res.Processes[0].Exit == nil || res.Processes[0].Exit.Text != want {
			t.Errorf("%s: %+v, %v", script, res, err)
			continue
		}
		var text bytes.Buffer
		if err := res.Text(&text, false); err != nil || !strings.Contains(text.String(), want) || res.Verdict != trend.Undecided {
			t.Errorf("%s: %s, %v in\n%s", script, res.Verdict, err, text.String())
		}
	}
	cfg := Config{Command: &launch.Command{Args: []string{"no-command-is-called-this"}}, Interval: time.Second}
	if res, err := Run(t.Context(), cfg, nil, nil); res != nil || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%+v, %v", res, err)
	}
}

// Details are read at the first and the last tick, and not at each: they have a budget. What
// was not read is an empty cell.
func TestDetailsHaveABudget(t *testing.T) {
	var out bytes.Buffer
	res, err := Run(t.Context(), Config{Target: process.Target{PID: os.Getpid()}, Interval: MinInterval, Count: 5}, &out, nil)
	if err != nil {
		t.Fatal(err)
	}
	threads := res.Processes[0].Figures["threads"]
	took := res.Processes[0].last.Sub(res.Processes[0].first)
	if threads.N < 1 || threads.N > 2+int(took/(detailEvery/2)) || threads.Final < 1 {
		t.Errorf("threads %+v, want one reading a second and the last in %s", threads, took)
	}
	rows := parseRows(t, out.String())
	at := slices.Index(rows[0], "threads")
	if rows[1][at] == "" || rows[2][at] != "" {
		t.Errorf("threads %q then %q", rows[1][at], rows[2][at])
	}
	if pss := slices.Index(rows[0], "pss_mb"); (rows[1][pss] != "") != (runtime.GOOS == "linux") {
		t.Errorf("PSS %q on %s", rows[1][pss], runtime.GOOS)
	}
}

func TestDetailPause(t *testing.T) {
	const early = 5 * time.Millisecond
	for cost, want := range map[time.Duration]time.Duration{
		0:                    time.Second - early,
		time.Millisecond:     time.Second - early,
		4 * time.Millisecond: 4*time.Second - early,
		time.Minute:          10*time.Second - early,
	} {
		if got := detailPause(cost); got != want {
			t.Errorf("%v: %v, want %v", cost, got, want)
		}
	}
}

func TestPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	res, err := Run(t.Context(), Config{Target: process.Target{Port: l.Addr().(*net.TCPAddr).Port}, Interval: MinInterval, Count: 1}, nil, nil)
	if err != nil || res.Processes[0].PID != os.Getpid() {
		t.Errorf("%v, want the process that listens", err)
	}
}

// The processes of a tree are listed with their memory, the largest first.
func TestHolders(t *testing.T) {
	cmd, _ := processtest.Start(t, "tree 7 1")
	res, err := Run(t.Context(), Config{Target: process.Target{PID: cmd.Process.Pid}, Interval: MinInterval, Count: 2}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := res.Processes[0]
	if len(p.Holders) != maxHolders || p.Holders[0].Final < p.Holders[4].Final || p.Holders[0].Command == "" {
		t.Errorf("%+v, want the %d largest of 8 processes", p.Holders, maxHolders)
	}
	if rows := fmt.Sprint(p.rows()); !strings.Contains(rows, fmt.Sprintf("PID %d: ", p.Holders[0].PID)) {
		t.Errorf("%s does not name the largest", rows)
	}
}

// The columns are a contract with spreadsheets and scripts.
func TestColumns(t *testing.T) {
	var out bytes.Buffer
	if _, err := Run(t.Context(), Config{Target: process.Target{PID: os.Getpid()}, Interval: MinInterval, Count: 1}, &out, nil); err != nil {
		t.Fatal(err)
	}
	const want = "timestamp,pid,rss_mb,vms_mb,rss_total_mb,vms_total_mb,percent,num_children," +
		"pss_mb,uss_mb,swap_mb,cpu_percent,threads,fds,sockets,listen,established,close_wait," +
		"cgroup_mb,cgroup_limit_mb,system_available_mb,event\n"
	if got, _, _ := strings.Cut(out.String(), "\n"); got+"\n" != want {
		t.Errorf("columns\n%s, want\n%s", got, want)
	}
}

func TestAWriterThatFailsEndsTheRun(t *testing.T) {
	res, err := Run(t.Context(), Config{Target: process.Target{PID: os.Getpid()}, Interval: MinInterval}, full{}, nil)
	if !errors.Is(err, errFull) || res == nil {
		t.Errorf("%+v, %v", res, err)
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestLiveFitsItsRoom(t *testing.T) {
	var l Live
	for i := range 500 {
		s := &Sample{At: time.Unix(int64(i), 0), PID: 42, RSS: 100, RSSTotal: 100 + float64(i%50), Detail: process.NoDetail(), Children: 3}
		if i >= 300 {
			s.PID = 43
		}
		if i == 300 {
			s.Event = "restarted \x1b[2J"
		}
		l.Add(s)
	}
	var wide bytes.Buffer
	if err := l.Write(&wide, false, 200, 40); err != nil || !strings.Contains(wide.String(), "PID 42 (ended)") || !strings.Contains(wide.String(), "PID 43 · total") {
		t.Errorf("%v in\n%s", err, wide.String())
	}
	for _, room := range [][2]int{{20, 6}, {46, 14}, {110, 30}, {300, 60}} {
		var b bytes.Buffer
		if err := l.Write(&b, false, room[0], room[1]); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) > room[1] {
			t.Errorf("%v: %d lines", room, len(lines))
		}
		for _, line := range lines {
			if w := len([]rune(line)); w > room[0] {
				t.Errorf("%v: a line of %d columns: %q", room, w, line)
			}
		}
		if strings.ContainsRune(b.String(), '\x1b') {
			t.Error("an event reaches the terminal as it is")
		}
	}
}

// A sample of one process with 20 children.
func BenchmarkSample(b *testing.B) {
	cmd, _ := processtest.Start(b, "tree 20 1")
	r := &run{start: time.Now()}
	if err := r.readSystem(time.Now()); err != nil {
		b.Fatal(err)
	}
	info, err := process.Lookup(cmd.Process.Pid)
	if err != nil {
		b.Fatal(err)
	}
	t, err := r.follow(info)
	if err != nil {
		b.Fatal(err)
	}
	defer r.close()
	b.ReportAllocs()
	for b.Loop() {
		s, err := t.sample(time.Now(), r.system, false)
		if err != nil || s.Children != 20 {
			b.Fatal(s, err)
		}
	}
}
