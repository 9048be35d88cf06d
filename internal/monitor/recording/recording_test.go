package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

func TestMain(m *testing.M) { os.Exit(processtest.Main(m)) }

// read judges a recording without options.
func read(text string) (*monitor.Result, error) { return Read(strings.NewReader(text), Options{}) }

// recordings are ten minutes at 1 Hz, growing by a tenth of a MB a second, in
// each format that can be read.
func recordings(grow float64) map[string]string {
	python := "timestamp,pid,rss_mb,vms_mb,rss_total_mb,vms_total_mb,percent,num_children\n"
	psrecord := "# Elapsed time   CPU (%)     Real (MB)   Virtual (MB)\n"
	mprof := "CMDLINE python app.py\nFUNC main 10.0 1 20.0 2\n"
	sep := strings.ReplaceAll(python, ",", " , ")
	for i := range 600 {
		rss := 200 + grow*float64(i)
		at := time.Date(2025, 10, 7, 12, 0, 0, 123456000, time.UTC).Add(time.Duration(i) * time.Second)
		python += fmt.Sprintf("%s,4711,%.2f,900.0,%.2f,1000.0,1.5,2\n", at.Format("2006-01-02T15:04:05.000000"), rss, rss+5)
		sep += fmt.Sprintf("%s , 4711 , %.2f , 900.0 , %.2f , 1000.0 , 1.5 , 2 , extra\n", at.Format(time.DateTime), rss, rss+5)
		psrecord += fmt.Sprintf("%12.3f %12.3f %12.3f %12.3f\n", float64(i), 2.5, rss+5, 900.0)
		mprof += fmt.Sprintf("MEM %f %.4f\nCHLD 0 5.0 %.4f\n", rss, 1.7e9+float64(i), 1.7e9+float64(i))
	}
	return map[string]string{"python": python, "python with spaces": sep, "psrecord": psrecord, "mprof": mprof}
}

func TestReadJudgesEachFormat(t *testing.T) {
	for grow, want := range map[float64]trend.Verdict{0.1: trend.Leak, 0: trend.NoLeak} {
		for format, text := range recordings(grow) {
			res, err := read(text)
			if err != nil {
				t.Errorf("%s: %v", format, err)
				continue
			}
			p := res.Processes[0]
			if res.Verdict != want || p.Samples != 600 || p.Seconds < 598.9 || p.Seconds > 599.1 || len(res.Warnings) > 0 {
				t.Errorf("%s: %s of %d samples in %.1f s, %v; want %s", format, res.Verdict, p.Samples, p.Seconds, res.Warnings, want)
			}
			if p.RSSTotal.Initial != 205 {
				t.Errorf("%s: total %v, want 205 with the children", format, p.RSSTotal.Initial)
			}
		}
	}
}

// What the monitor writes, it reads: the same figures and the same verdict.
func TestReadOwn(t *testing.T) {
	cmd, _ := processtest.Start(t, "tree 1 1")
	var out bytes.Buffer
	want, err := monitor.Run(t.Context(), monitor.Config{Target: process.Target{PID: cmd.Process.Pid}, Interval: monitor.MinInterval, Count: 12}, &out, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := Read(&out, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, was := res.Processes[0], want.Processes[0]
	if got.Samples != was.Samples || got.MaxChildren != was.MaxChildren || math.Abs(got.RSSTotal.Max-was.RSSTotal.Max) > 0.001 {
		t.Errorf("read %+v, wrote %+v", got, was)
	}
	for column, span := range was.Figures {
		if math.Abs(got.Figures[column].Final-span.Final) > 0.051 || got.Figures[column].N != span.N {
			t.Errorf("%s: read %+v, wrote %+v", column, got.Figures[column], span)
		}
	}
}

func TestReadTellsProcessesApart(t *testing.T) {
	text := "timestamp,pid,rss_mb,event\n"
	for i := range 30 {
		text += fmt.Sprintf("%d,1,10,\n%d,2,20,%s\n", i, i, map[bool]string{true: "restarted"}[i == 20])
	}
	res, err := read(text)
	if err != nil || len(res.Processes) != 3 {
		t.Fatalf("%+v, %v", res, err)
	}
	if p := res.Processes[2]; !p.Restarted || p.PID != 2 || p.Samples != 10 || p.Trend.Verdict == trend.NoLeak {
		t.Errorf("the one that came back: %+v", p)
	}
}

func TestReadPassesOverWhatItCannot(t *testing.T) {
	text := "timestamp,pid,rss_mb\n1,7,10\nsoon,7,10\n2,7,NaN\n3,7,-1\n4,7,1e300\n5,7,11\n4,7,11\n6,7" // the last is torn
	res, err := read(text)
	if err != nil || res.Processes[0].Samples != 2 || res.Verdict != trend.Undecided {
		t.Fatalf("%+v, %v", res, err)
	}
	all := strings.Join(res.Warnings, "\n")
	if !strings.Contains(all, "5 lines") || !strings.Contains(all, "line 3") || !strings.Contains(all, "skipped 1 sample older") || !strings.Contains(all, "undecided about PID 7: ") {
		t.Errorf("warnings %q", all)
	}
	for _, bad := range []string{"", "\n", "hello\nworld\n", "timestamp,pid,rss_mb\n", "a,b\n1,2\n", "CMDLINE x\n"} {
		if _, err := read(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// An answer that is too large is not called one that was cut off.
func TestLargeAnswerOfPrometheus(t *testing.T) {
	t.Parallel()
	in := strings.NewReader(`{"data":{"resultType":"matrix"` + strings.Repeat(" ", maxJSON) + "}}")
	if _, err := Read(in, Options{}); err == nil || !strings.Contains(err.Error(), "larger than 64.0 MB") {
		t.Errorf("%v", err)
	}
}

// A file costs no more than its longest line and its processes, whatever is in it.
func TestReadIsBounded(t *testing.T) {
	rows := func(n int, row string) string { return strings.Repeat(row+"\n", n) }
	quoted := "timestamp,pid,rss_mb\n" + rows(1, `1,7,"10`) + rows(50_000, "2,7,10") + rows(1, "\"3\",7,\"10\"")
	res, err := read(quoted)
	if err != nil || res.Processes[0].Samples != 50_001 || !strings.Contains(strings.Join(res.Warnings, "\n"), "skipped 1 line that could not be read; the first is line 2") {
		t.Errorf("a quote that does not end: %+v, %v", res, err)
	}
	many := "timestamp,pid,rss_mb,event\n"
	for i := range 1010 {
		many += fmt.Sprintf("1,%d,10,\n", i+1)
	}
	many += "2,1,10,restarted\n"
	res, err = read(many)
	if err != nil || len(res.Processes) != 1000 || !strings.Contains(strings.Join(res.Warnings, "\n"), "more than 1000 processes; skipped 11 samples of the others") {
		t.Errorf("many processes: %v", err)
	}
	_, err = read(("timestamp,pid,rss_mb\n1,7,10\n" + strings.Repeat("x", 2*maxLine)))
	if err == nil || !strings.Contains(err.Error(), "line 3 is longer than 1024 KiB") {
		t.Errorf("a long line: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range recordings(1) {
		f.Add(text[:min(len(text), 800)])
	}
	for _, c := range logs() {
		f.Add(c.text[:min(len(c.text), 800)])
	}
	f.Add("timestamp,pid,rss_mb,event\n1,1,1,restarted\n1e10,1,\"x\n")
	f.Fuzz(func(t *testing.T, text string) {
		res, err := Read(strings.NewReader(text), Options{Every: time.Second, Limit: 512})
		if err != nil {
			return
		}
		if _, err := json.Marshal(res); err != nil {
			t.Errorf("no JSON: %v", err)
		}
		if err := res.Text(new(bytes.Buffer), false); err != nil {
			t.Error(err)
		}
		if err := res.Chart().WriteSVG(new(bytes.Buffer)); err != nil {
			t.Error(err)
		}
		if err := res.Report().Markdown(new(bytes.Buffer)); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := recordings(0.1)["python"]
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := read(text); err != nil {
			b.Fatal(err)
		}
	}
}

// The series recorded from real servers, as a monitor would have written them.
func TestReadCorpus(t *testing.T) {
	labels, err := os.ReadFile("../../../testdata/memory/labels.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(labels)), "\n")[1:] {
		fields := strings.Split(line, ",")
		data, err := os.ReadFile("../../../testdata/memory/" + fields[0] + ".samples.csv")
		if err != nil {
			t.Fatal(err)
		}
		text := "timestamp,rss_mb\n"
		for _, row := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
			var at, rss float64
			if _, err := fmt.Sscanf(strings.NewReplacer(",", " ").Replace(row), "%g %d %s %d %g", &at, new(int), new(string), new(int), &rss); err != nil {
				t.Fatal(err)
			}
			text += fmt.Sprintf("%f,%f\n", 1.7e9+at, rss/1024)
		}
		res, err := read(text)
		if err != nil || (res.Verdict == trend.Leak) != (fields[1] == "leak") {
			t.Errorf("%s: %v %v", line, res.Verdict, err)
		}
	}
}

// Recordings without a PID have none in the summary, and a file of another kind
// is told what can be read.
func TestReadOthers(t *testing.T) {
	res, err := read(("# Elapsed time   CPU (%)     Real (MB)   Virtual (MB)\n 0.0 1.0 10.0 20.0\n 1.0 1.0 10.0 20.0\n"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := res.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "PID") || strings.Contains(strings.Join(res.Warnings, ""), "PID") {
		t.Errorf("it tells a PID:\n%s%q", b.String(), res.Warnings)
	}
	if _, err := read(("{\"a\": 1}\n")); err == nil || !strings.Contains(err.Error(), "psrecord") {
		t.Errorf("JSON: %v", err)
	}
}
