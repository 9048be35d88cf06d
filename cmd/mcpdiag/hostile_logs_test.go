package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// meetsFile runs a command on a file with foreign text and checks its output.
func meetsFile(t *testing.T, content string, args ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	o := invoke(t, append([]string{args[0], file}, args[1:]...)...)
	o.harmless(t)
	if o.code == exitUsage {
		t.Errorf("exit code 2: %.300s", o.err)
	}
	for line := range strings.Lines(o.out) {
		if strings.HasPrefix(line, "::error::x") || ciCommand.MatchString(line) {
			t.Errorf("a CI system would obey %q", line)
		}
	}
}

func TestHostileNamesInLogs(t *testing.T) {
	t.Parallel()
	for title, name := range namesToTry() {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			lines := `{"time":"2026-11-25T09:00:00Z","level":"error","msg":"` + name + `","tool":"` + name + `","error":"` + name + `","duration_ms":5000}` +
				"\n2026-11-25T09:00:01Z ERROR " + name + "\n"
			for _, format := range []string{"text", "json", "markdown", "junit", "github", "html"} {
				meetsFile(t, lines, "logs", "--format", format)
			}
		})
	}
}

func TestHostileNamesInTokens(t *testing.T) {
	t.Parallel()
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for title, name := range namesToTry() {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			claims := `{"iss":"` + name + `","aud":["` + name + `"],"sub":"` + name + `","scope":"` + name + `","exp":1}`
			token := part(`{"alg":"`+name+`","typ":"`+name+`","kid":"`+name+`"}`) + "." + part(claims) + "." + part("x")
			if len(token) > 64<<10 {
				return // longer than a line of credentials is read
			}
			for _, format := range []string{"text", "json", "markdown", "junit", "github"} {
				meetsFile(t, token, "token", "--format", format)
			}
		})
	}
}
