package gather

import (
	"slices"
	"testing"
)

func TestMinimalEnvironment(t *testing.T) {
	t.Parallel()
	set := map[string]string{"HOME": "/home/me", "PATH": `C:\nodejs;C:\Windows`, "APPDATA": `C:\Users\me\AppData`, "API_KEY": "k"}
	lookup := func(name string) (string, bool) {
		value, ok := set[name]
		return value, ok
	}
	path, env := minimalEnvironment("darwin", lookup)
	if want := []string{"HOME=/home/me", "PATH=/usr/bin:/bin"}; path != "/usr/bin:/bin" || !slices.Equal(env, want) {
		t.Errorf("macOS: %q, %q, want %q", path, env, want)
	}
	path, env = minimalEnvironment("windows", lookup)
	if want := []string{"APPDATA=" + set["APPDATA"], "PATH=" + set["PATH"]}; path != "" || !slices.Equal(env, want) {
		t.Errorf("Windows: %q, %q, want %q: a host has the PATH of the user there", path, env, want)
	}
}
