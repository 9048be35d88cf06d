package main

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
)

// The first signal ends a command that waits for its input.
func TestSignalEndsWaitingForInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, unread := filepath.Join(dir, "pipe"), filepath.Join(dir, "unread")
	if err := exec.CommandContext(t.Context(), "mkfifo", pipe, unread).Run(); err != nil {
		t.Skipf("mkfifo: %v", err)
	}
	for name, args := range map[string][]string{
		"flame standard input":    {"flame", "-"},
		"flame pipe":              {"flame", pipe},
		"diff pipe":               {"diff", pipe, pipe},
		"monitor pipe":            {"monitor", "--read", pipe},
		"leaktest standard input": {"leaktest", "--judge", "-"},
		"token":                   {"poll", "http://127.0.0.1:1", "--token-file", "-"},
		"token pipe":              {"poll", "http://127.0.0.1:1", "--token-file", pipe},
		"trace to a pipe":         {"poll", "http://127.0.0.1:1", "-o", unread},
		"config pipe":             {"poll", "http://127.0.0.1:1", "--config", pipe},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdin, never := io.Pipe()
			t.Cleanup(func() { _ = never.Close() })
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			var out, errs bytes.Buffer
			code := run(ctx, args, stdin, &out, &errs)
			ended{code, out.String(), errs.String()}.harmless(t)
			if code != exitFailure && (code != exitUsage || name != "config pipe") {
				t.Errorf("exit code %d: %s", code, errs.String())
			}
		})
	}
}
