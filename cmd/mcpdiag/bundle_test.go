package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/bundle"
)

// unpacked returns the files of an archive.
func unpacked(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(h.Name, "mcpdiag-bundle/")] = string(data)
	}
}

// Secrets of the command line, the environment, the server and the files are not in the
// archive, and all else is.
func TestBundle(t *testing.T) {
	t.Setenv("SERVICE_API_KEY", "SENTINEL-environment")
	dir := t.TempDir()
	for name, content := range map[string]string{
		"server.log": "plain line\n2026-11-27 GET /x?token=SENTINEL-query\nAuthorization: Bearer SENTINEL-bearer\ndb postgres://u:SENTINEL-pw@db/x\nkey SENTINEL-environment SENTINEL-token\n" +
			"-----BEGIN PRIVATE KEY-----\nSENTINEL-pem\n-----END PRIVATE KEY-----\nlast line\n",
		"mcp.json":       `{"mcpServers": {"a": {"command": "npx", "env": {"GITHUB_TOKEN": "SENTINEL-env"}, "headers": {"X-Api-Key": "SENTINEL-header"}}}}`,
		"a.bin":          "\x00\x01SENTINEL-binary",
		"trace.ndjson":   `{"timestamp": 1, "toolCallStack": [{"id": "1", "name": "echo", "args": {"password": "SENTINEL-arg"}}]}` + "\n",
		"token.txt":      "SENTINEL-token\n",
		"x.heapsnapshot": `{"snapshot":{"meta":{"node_fields":["type"]}},"strings":["SENTINEL-heap"]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"timestamp": 1763700000000, "heapUsedMB": 10, "seen": r.Header.Get("Authorization"), "sessionToken": "SENTINEL-own"})
	}
	url := (&badServer{snapshot: echo, server: "SENTINEL-token", tool: "x"}).start(t)
	out := filepath.Join(dir, "out.tar.gz")
	args := []string{"bundle", url + "/mcp", "--token-file", filepath.Join(dir, "token.txt"), "-o", out, "-v"}
	for _, name := range []string{"server.log", "mcp.json", "a.bin", "trace.ndjson", "x.heapsnapshot", "nope.log"} {
		args = append(args, "--file", filepath.Join(dir, name))
	}
	o := invoke(t, args...)
	o.wants(t, exitFailure, "wrote "+out) // files that were asked for are not in it
	o.wants(t, exitFailure, "nope.log is not in the archive: reading ")
	o.wants(t, exitFailure, "a.bin is not in the archive: not text")
	for _, want := range []string{"files/server.log", "a heap snapshot holds every secret", "not text", "no such file", "doctor-facts.json"} {
		if !strings.Contains(o.out+o.err, want) {
			t.Errorf("no %q in\n%s%s", want, o.out, o.err)
		}
	}
	all := unpacked(t, out)
	for name, text := range all {
		if i := strings.Index(text, "SENTINEL"); i >= 0 {
			t.Errorf("%s: %.80s", name, text[i:])
		}
	}
	if strings.Contains(o.out+o.err, "SENTINEL") {
		t.Errorf("printed: %s%s", o.out, o.err)
	}
	for name, want := range map[string]string{
		"files/server.log": "plain line\n", "files/mcp.json": `"GITHUB_TOKEN": "REDACTED"`, "files/trace.ndjson": `"name": "echo"`,
		"snapshot.json": `"heapUsedMB"`, "doctor.txt": "mcpdiag doctor", "version.txt": "mcpdiag ", "doctor-facts.json": "mcpdiag.doctor.facts/1",
		bundle.Contents: "files/server.log",
	} {
		if !strings.Contains(all[name], want) {
			t.Errorf("%s: no %q in %.500s", name, want, all[name])
		}
	}
	if !strings.HasSuffix(all["files/server.log"], "last line\n") {
		t.Errorf("the log lost its end: %q", all["files/server.log"])
	}
	replay := filepath.Join(dir, "facts.json")
	if err := os.WriteFile(replay, []byte(all["doctor-facts.json"]), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := invoke(t, "doctor", "--replay", replay); o.code == exitFailure || o.code == exitUsage {
		t.Errorf("the facts cannot be judged again: %s", o.err)
	}
}
