package client

import (
	"runtime"
	"testing"
)

// Quotes reach the command on Windows, too, where cmd.exe reads its command line in its own way.
func TestTokenCommandWithQuotes(t *testing.T) {
	t.Parallel()
	command := `echo '{"access_token":"tok1"}'`
	if runtime.GOOS == "windows" {
		command = `echo {"access_token":"tok1"}`
	}
	b, err := NewBearer(t.Context(), command)
	if err != nil || b.token != "tok1" {
		t.Fatalf("%+v, %v, want tok1", b, err)
	}
}
