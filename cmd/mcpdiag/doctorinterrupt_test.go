package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/demo"
)

// TestDoctorInterrupted ends doctor while the server works on tools/list. No format states a
// verdict, and the exit code is 1, also where several servers are examined.
func TestDoctorInterrupted(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"text": {"URL"}, "json": {"URL", "--format", "json"}, "junit": {"URL", "--format", "junit"}, "github": {"URL", "--format", "github"},
		"markdown": {"URL", "--format", "markdown"}, "never": {"URL", "--fail-on", "never"}, "only": {"URL", "--only", "http"},
		"servers": {"--servers", "FILE"}, "servers, json": {"--servers", "FILE", "--format", "json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			next := demo.New(demo.Config{}).Handler()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				if bytes.Contains(body, []byte("tools/list")) {
					cancel()
					<-r.Context().Done()
					return
				}
				next.ServeHTTP(w, r)
			}))
			t.Cleanup(s.Close)
			file := filepath.Join(t.TempDir(), "mcp.json")
			settings := fmt.Sprintf(`{"mcpServers":{"a":{"url":"%[1]s/mcp"},"b":{"url":"%[1]s/mcp"}}}`, s.URL)
			if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
				t.Fatal(err)
			}
			line := []string{"doctor"}
			for _, arg := range args {
				line = append(line, strings.NewReplacer("URL", s.URL+"/mcp", "FILE", file).Replace(arg))
			}
			var out, complaint bytes.Buffer
			code := run(ctx, line, strings.NewReader(""), &out, &complaint)
			checkInterrupted(t, code, out.String(), complaint.String())
		})
	}
}

func checkInterrupted(t *testing.T, code int, out, complaint string) {
	t.Helper()
	if code != exitFailure || !strings.Contains(complaint, "mcpdiag: interrupted") || !strings.Contains(strings.ToLower(out), "interrupted") {
		t.Errorf("exit code %d\n%s%s", code, out, complaint)
	}
	for _, verdict := range []string{"healthy", "sick", "degraded", "unreachable", "passed", "FAIL"} {
		if strings.Contains(strings.ToLower(out), verdict) || strings.Contains(out, verdict) {
			t.Errorf("a verdict %q in\n%s", verdict, out)
		}
	}
}

// TestDoctorInterruptedCommand ends doctor while a command has not answered initialize.
func TestDoctorInterruptedCommand(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs sleep")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var out, complaint bytes.Buffer
	begin := time.Now()
	code := run(ctx, []string{"doctor", "--", "sleep", "60"}, strings.NewReader(""), &out, &complaint)
	checkInterrupted(t, code, out.String(), complaint.String())
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("it took %s to end", took)
	}
}
