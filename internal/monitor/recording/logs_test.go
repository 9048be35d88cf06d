package recording

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// growth is the rate of all logs below, in MB per hour: 60 kB/s.
const growth = 210.9375

// readings is the number of readings of a log, five seconds apart.
const readings = 240

type log struct {
	text     string
	every    time.Duration
	memory   monitor.Memory
	name     string
	pid      int
	samples  int
	hasLimit bool
}

// logs returns logs of the tools with the same growth from 200 MB.
func logs() map[string]log {
	kb := func(i int) int { return 200<<10 + i*5*60 }
	mi := func(i int) int { return kb(i) >> 10 }
	at := func(i int) time.Time {
		return time.Date(2025, 11, 21, 23, 55, 0, 0, time.UTC).Add(time.Duration(i) * 5 * time.Second)
	}
	loop := func(format func(i int) string) string {
		var b strings.Builder
		for i := range readings {
			b.WriteString(format(i))
		}
		return b.String()
	}
	// metrics-server refreshes every 15 s: three readings in a row are equal.
	cached := func(i int) int { return mi(i / 3 * 3) }
	const pods = "NAME                          CPU(cores)   MEMORY(bytes)\n"
	logs := map[string]log{
		"kubectl top with its header each time": {loop(func(i int) string {
			return fmt.Sprintf(pods+"mcp-server-7d8f9c4b5-abc12    985m         %dMi\n", cached(i))
		}), 5 * time.Second, monitor.WorkingSet, "mcp-server-7d8f9c4b5-abc12", 0, 0, false},
		"kubectl top without headers, stamped": {loop(func(i int) string {
			return fmt.Sprintf("%s mcp-server-abc12    985m         %dMi\n", at(i).Format(time.DateTime), cached(i))
		}), 0, monitor.WorkingSet, "mcp-server-abc12", 0, 0, false},
		"kubectl top --containers, stamped": {loop(func(i int) string {
			stamp := at(i).Format(time.RFC3339)
			return fmt.Sprintf("%s POD NAME CPU(cores) MEMORY(bytes)\n%s mcp-abc12   server   985m   %dMi\n%s mcp-abc12   sidecar   1m   20Mi\n", stamp, stamp, cached(i), stamp)
		}), 0, monitor.WorkingSet, "mcp-abc12/server", 0, 0, false},
		"docker stats as JSON": {loop(func(i int) string {
			return fmt.Sprintf(`{"Container":"b1","Name":"mcp","MemUsage":"%.3fMiB / 512MiB","MemPerc":"1%%"}`+"\n", float64(kb(i))/1024)
		}), 5 * time.Second, monitor.WorkingSet, "mcp", 0, readings, true},
		"docker stats as a table": {loop(func(i int) string {
			return fmt.Sprintf("\x1b[2J\x1b[HCONTAINER ID   NAME   CPU %%   MEM USAGE / LIMIT   MEM %%   NET I/O   BLOCK I/O   PIDS\n"+
				"b1946ac92492   mcp    0.50%%   %.3fMiB / 512MiB   39.06%%   1kB / 2kB   0B / 0B   12\n", float64(kb(i))/1024)
		}), 5 * time.Second, monitor.WorkingSet, "mcp", 0, readings, true},
		"ps -o rss= with date": {loop(func(i int) string {
			return fmt.Sprintf("%s\n%d\n", at(i).Format(time.UnixDate), kb(i))
		}), 0, monitor.RSS, "", 0, readings, false},
		"ps -o pid,rss,comm": {loop(func(i int) string {
			return fmt.Sprintf("    PID   RSS COMMAND\n   4711 %d node\n", kb(i))
		}), 5 * time.Second, monitor.RSS, "", 4711, readings, false},
		"ps aux": {loop(func(i int) string {
			return fmt.Sprintf("[%s] USER PID %%CPU %%MEM VSZ RSS TTY STAT START TIME COMMAND\n[%s] mcp 4711 0.5 1.2 900000 %d ? Sl 10:00 0:01 node a b\n",
				at(i).Format(time.DateTime), at(i).Format(time.DateTime), kb(i))
		}), 0, monitor.RSS, "", 4711, readings, false},
		"pidstat -r past midnight": {"Linux 6.1.0 (host) \t11/21/2025 \t_x86_64_\t(2 CPU)\n\n" + loop(func(i int) string {
			stamp := at(i).Format("03:04:05 PM")
			return fmt.Sprintf("%s   UID       PID  minflt/s  majflt/s     VSZ     RSS   %%MEM  Command\n%s     0      4711      1.00      0.00  900000  %d   1.23  node\n\n", stamp, stamp, kb(i))
		}) + "Average:        0      4711      1.00      0.00  900000  1  1.23  node\n", 0, monitor.RSS, "", 4711, readings, false},
		"pidstat -r -h": {loop(func(i int) string {
			return fmt.Sprintf("# Time        UID       PID  minflt/s  majflt/s     VSZ     RSS   %%MEM  Command\n %d     0      4711      1,00      0,00  900000  %d   1,23  node\n", at(i).Unix(), kb(i))
		}), 0, monitor.RSS, "", 4711, readings, false},
		"cat memory.current": {loop(func(i int) string {
			return fmt.Sprintf("%d\n", kb(i)>>2<<12)
		}), 5 * time.Second, monitor.Usage, "memory.current", 0, readings, false},
		"cat memory.stat": {loop(func(i int) string {
			return fmt.Sprintf("%d\nanon %d\nfile 7\nkernel_stack 16384\n", at(i).Unix(), kb(i)<<10)
		}), 0, monitor.RSS, "anon", 0, readings, false},
		"cat memory.stat of version 1": {loop(func(i int) string {
			return fmt.Sprintf("%d\ncache 7\nrss 4096\nrss_huge 0\ntotal_cache 7\ntotal_rss %d\n", at(i).Unix(), kb(i)<<10)
		}), 0, monitor.RSS, "total_rss", 0, readings, false},
		"docker stats with name and memory": {loop(func(i int) string {
			return fmt.Sprintf("%s mcp\t%.3fMB / 1.5GiB\n", at(i).Format(time.RFC3339), float64(kb(i))*1024/1e6)
		}), 0, monitor.WorkingSet, "mcp", 0, readings, true},
		"pidstat -r with a 24-hour clock and decimal commas": {"Linux 6.1.0 (host) \t21.11.2025 \t_x86_64_\t(2 CPU)\n\n" + loop(func(i int) string {
			stamp := at(i).Format(time.TimeOnly)
			return fmt.Sprintf("%s   UID       PID  minflt/s  majflt/s     VSZ     RSS   %%MEM  Command\n%s     0      4711      1,00      0,00  900000  %d   1,23  node\n\n", stamp, stamp, kb(i))
		}), 0, monitor.RSS, "", 4711, readings, false},
		"CSV with decimal commas and a BOM": {"\ufefftimestamp;pid;rss_mb\n" + loop(func(i int) string {
			return fmt.Sprintf("%s;4711;%s\n", at(i).Format(time.DateTime), strings.Replace(fmt.Sprintf("%.3f", float64(kb(i))/1024), ".", ",", 1))
		}), 0, monitor.RSS, "", 4711, readings, false},
	}
	logs["Prometheus range query"] = log{`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"container_memory_working_set_bytes","pod":"mcp-abc12","container":"server"},"values":[` +
		strings.TrimSuffix(loop(func(i int) string { return fmt.Sprintf(`[%d,"%d"],`, at(i).Unix(), kb(i)<<10) }), ",") + `]}]}}`,
		0, monitor.WorkingSet, "mcp-abc12/server", 0, readings, false}
	return logs
}

// Each log gives the rate with which it was written, and is called what it is.
func TestReadLogs(t *testing.T) {
	for name, c := range logs() {
		t.Run(name, func(t *testing.T) {
			res, err := Read(strings.NewReader(c.text), Options{Every: c.every})
			if err != nil {
				t.Fatal(err)
			}
			p := res.Processes[0]
			if p.Name != c.name || p.PID != c.pid || p.Memory != c.memory || c.samples > 0 && p.Samples != c.samples {
				t.Errorf("%q, PID %d, memory %q, %d samples", p.Name, p.PID, p.Memory, p.Samples)
			}
			rate := p.Trend.Rate.Bytes * 3600 / mib
			if p.Trend.Verdict != trend.Leak || math.Abs(rate-growth) > growth/50 || len(res.Warnings) > 1 {
				t.Errorf("%s of %.1f MB per hour, want %.1f; warnings %q; %v", p.Trend.Verdict, rate, growth, res.Warnings, p.Trend.Reasons)
			}
			var text strings.Builder
			_ = res.Text(&text, false)
			if want := cmp.Or(string(c.memory), "leak: it") + " grows by"; !strings.Contains(text.String(), want) {
				t.Errorf("memory %q is called otherwise:\n%s", c.memory, text.String())
			}
			if (p.ToLimit != nil) != c.hasLimit {
				t.Errorf("time to the limit: %+v", p.ToLimit)
			}
		})
	}
}

// The log of the troubleshooting guide for MCP servers: one stamped line, then a
// reading every 5 s for 5 minutes, each with its header, of values that
// metrics-server refreshes every 15 s. The guide's own script takes 5 s for
// a minute.
func TestReadLogOfTheGuide(t *testing.T) {
	const trueRate = 231.9 // MB per hour
	log := "2025-11-21 10:00:00 POD              NAME   CPU(cores)   MEMORY(bytes)\n2025-11-21 10:00:00 mcp-server-xxx   mcp    985m         2048Mi\n"
	for i := range 60 {
		log += "NAME                          CPU(cores)   MEMORY(bytes)\n" +
			fmt.Sprintf("mcp-server-7d8f9c4b5-abc12    985m         %.0fMi\n", math.Floor(2048+trueRate/3600*float64(i/3*15)))
	}
	if _, err := read(log); err == nil || !strings.Contains(err.Error(), "--every 5s") {
		t.Errorf("without the time between readings: %v", err)
	}
	res, err := Read(strings.NewReader(log), Options{Every: 5 * time.Second, Limit: 2304})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(res.Processes, func(p *monitor.Process) bool { return p.Name == "mcp-server-7d8f9c4b5-abc12" })
	if i < 0 {
		t.Fatalf("the pod is missing: %+v", res.Processes)
	}
	p := res.Processes[i]
	rate := p.Trend.Rate.Bytes * 3600 / mib
	if math.Abs(rate-trueRate) > trueRate/10 || p.Samples > 20 || p.Repeats < 40 {
		t.Errorf("%.1f MB per hour of %d samples and %d repeats, want %.1f: %v", rate, p.Samples, p.Repeats, trueRate, p.Trend.Reasons)
	}
}

// A new pod and a fall by more than half begin a new series, and none has a negative rate.
func TestReadRestarts(t *testing.T) {
	var log strings.Builder
	for i := range 120 {
		pod, size := "mcp-a", 100+i
		switch {
		case i >= 80:
			pod = "mcp-b"
		case i >= 40:
			size = 40 + i - 40
		}
		fmt.Fprintf(&log, "%d %s 10m %dMi\n", 1763700000+60*i, pod, size)
	}
	res, err := read(log.String())
	if err != nil || len(res.Processes) != 3 {
		t.Fatalf("%d series, %v; want 3", len(res.Processes), err)
	}
	for i, p := range res.Processes {
		if p.Samples != 40 || p.Restarted != (i == 1) || p.Trend.Rate.Bytes < 0 {
			t.Errorf("series %d: %d samples, restarted %v, %.1f bytes/s", i, p.Samples, p.Restarted, p.Trend.Rate.Bytes)
		}
	}
}

// The time to the limit comes with its interval.
func TestTimeToLimit(t *testing.T) {
	log := logs()["docker stats as JSON"]
	res, err := Read(strings.NewReader(log.text), Options{Every: log.every})
	if err != nil {
		t.Fatal(err)
	}
	want := (512 - 200 - growth*readings*5/3600) / growth * 3600
	if got := res.Processes[0].ToLimit; got == nil || math.Abs(got.Seconds-want) > want/50 || got.Low > got.Seconds || got.High < got.Seconds {
		t.Errorf("%+v, want %.0f s", got, want)
	}
}

// Bare numbers are kB unless they can only be bytes.
func TestIsCgroupFile(t *testing.T) {
	for text, want := range map[string]bool{
		"209715200\n209719296\n":              true,
		"209715200\nmax\n209719296\n":         true,
		"204800\n204800\n":                    false, // 200 MB of ps
		"204804\n204808\n":                    false,
		"1763700000\n209715200\n1763700005\n": true, // with time stamps
		"anon 4096\n":                         false,
		"":                                    false,
	} {
		if got := isCgroupFile(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestReadLogsIsBounded(t *testing.T) {
	long := "1763700000 " + strings.Repeat("x", 2*maxLogLine) + " 10m 100Mi\n"
	res, err := read("1763700000 mcp 10m 100Mi\n" + long)
	if err != nil || len(res.Processes) != 1 || !strings.Contains(strings.Join(res.Warnings, "\n"), "skipped 1 line") {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestReadPrometheusRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"status":"error","error":"parse error","data":{"resultType":""}}`:                       "parse error",
		`{"status":"success","data":{"resultType":"vector","result":[]}}`:                         "query_range",
		`{"status":"success","data":{"resultType":"matrix","result":[]}}`:                         "no series",
		`{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,2]]}]}}`:       "answer of Prometheus",
		`{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"NaN"]]}]}}`:   "no samples",
		`{"status":"success","data":{"resultType":"matrix","result":[{"values":[["x","1"]]}]}}`:   "answer of Prometheus",
		`{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1e300,"1"]]}]}}`: "no samples",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
