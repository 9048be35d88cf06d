package depstest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// Prometheus starts Prometheus with a configuration, in which %d stands for its own port,
// and a file of rules. It skips the test where Prometheus is missing.
func Prometheus(t testing.TB, config, rules string) Server {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("Prometheus is missing: it comes with Debian's prometheus")
	}
	dir, port := t.TempDir(), processtest.FreePort(t)
	write(t, filepath.Join(dir, "rules.yml"), rules)
	write(t, filepath.Join(dir, "config.yml"), fmt.Sprintf(config, port)+"\nrule_files: [rules.yml]\n")
	at := fmt.Sprintf("127.0.0.1:%d", port)
	log := run(t, dir, program, "--config.file="+filepath.Join(dir, "config.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at)
	answers(t, "http://"+at+"/-/ready", log)
	return Server{"http://" + at, log}
}

// Alertmanager starts an Alertmanager that notifies nobody. It skips the test where it is
// missing.
func Alertmanager(t testing.TB) Server {
	t.Helper()
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Skip("Alertmanager is missing: it comes with Debian's prometheus-alertmanager")
	}
	dir := t.TempDir()
	at := fmt.Sprintf("127.0.0.1:%d", processtest.FreePort(t))
	write(t, filepath.Join(dir, "config.yml"), "route: {receiver: none}\nreceivers: [{name: none}]\n")
	log := run(t, dir, program, "--config.file="+filepath.Join(dir, "config.yml"), "--storage.path="+filepath.Join(dir, "data"), "--web.listen-address="+at, "--cluster.listen-address=")
	answers(t, "http://"+at+"/-/ready", log)
	return Server{"http://" + at, log}
}

func write(t testing.TB, name, text string) {
	t.Helper()
	f, err := os.Create(name)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err != nil || f.Close() != nil {
		t.Fatal(name, err)
	}
}

// Recorder passes requests on to a server and records them.
type Recorder struct {
	Address string
	mu      sync.Mutex
	seen    []string
}

// Record starts a recorder before a server. Its answers have a date that is off by skew.
func Record(t testing.TB, server Server, skew time.Duration) *Recorder {
	t.Helper()
	to, err := url.Parse(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	r := &Recorder{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) },
		ModifyResponse: func(resp *http.Response) error {
			resp.Header.Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
			return nil
		},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.seen = append(r.seen, req.Method+" "+req.URL.Path)
		r.mu.Unlock()
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(s.Close)
	r.Address = s.URL
	return r
}

// Seen returns the methods and paths of all requests.
func (r *Recorder) Seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.seen...)
}
