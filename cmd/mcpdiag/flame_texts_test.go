package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server without pprof: the error names the request and the way out, once.
func TestServerWithoutPprof(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	for _, args := range [][]string{{"heap", "--interval", "1ms"}, {"flame", "--duration", "1s", "--format", "text"}} {
		o := invoke(t, append(args, "--url", server.URL)...)
		o.wants(t, exitFailure, "GET "+server.URL+"/debug/pprof/")
		o.wants(t, exitFailure, "net/http/pprof")
		if n := strings.Count(o.err, "ot found"); n != 0 {
			t.Errorf("the body is printed %d times: %s", n, o.err)
		}
	}
}

// A folder stands for the profiles in it; other files are named.
func TestFlameOfFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("notes.txt", "hello\n")
	invoke(t, "flame", dir, "--format", "text").wants(t, exitFailure, "this folder holds no profile or trace: not notes.txt")
	write("a.folded", "main;work 40\nmain;idle 3\n")
	o := invoke(t, "flame", dir, "--format", "folded")
	o.wants(t, exitOK, "main;work 40")
	o.wants(t, exitOK, "skipped notes.txt")
	write("package.json", `{"name": "server"}`)
	write("report.html", "<!DOCTYPE html>\n<title>a report</title>\n")
	write("picture.png", "\x89PNG\r\n\x1a\n\x00\x00")
	write("server.log", "2026-11-26T10:00:00Z started\n2026-11-26T10:00:01Z called 5\n")
	write("nothing", "")
	o = invoke(t, "flame", dir, "--format", "folded")
	o.wants(t, exitOK, "main;work 40")
	o.wants(t, exitOK, "skipped notes.txt, nothing, package.json, picture.png, report.html and 1 more")
}

// --findings without a picture prints findings, and the table fits a narrow window.
func TestFlameFindingsAlone(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "a.folded")
	if err := os.WriteFile(name, []byte("main;work 90\nmain;idle 10\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := invoke(t, "flame", name, "--findings")
	o.wants(t, exitOK, "plateau")
	if !strings.HasPrefix(o.out, "  plateau:") {
		t.Errorf("the output is not the findings alone:\n%s", o.out)
	}
}
