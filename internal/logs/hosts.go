package logs

import (
	"os"
	"path/filepath"
)

// HostFolder is a folder, or a file, of the logs of a host of MCP servers.
type HostFolder struct{ Host, Path string }

// HostFolders returns the logs of the hosts of MCP servers that exist, for
// the given system (runtime.GOOS), home folder and environment.
func HostFolders(goos, home string, getenv func(string) string) []HostFolder {
	var found []HostFolder
	for _, f := range hostFolders(goos, home, getenv) {
		matches, err := filepath.Glob(f.Path)
		if err != nil {
			continue
		}
		for _, path := range matches {
			if _, err := os.Stat(path); err == nil {
				found = append(found, HostFolder{f.Host, path})
			}
		}
	}
	return found
}

// hostFolders lists the patterns of a system.
func hostFolders(goos, home string, getenv func(string) string) []HostFolder {
	config, logs := filepath.Join(home, ".config"), filepath.Join(home, ".config", "Claude", "logs")
	cache := filepath.Join(home, ".cache", "claude-cli-nodejs")
	switch goos {
	case "darwin":
		config, cache = filepath.Join(home, "Library", "Application Support"), filepath.Join(home, "Library", "Caches", "claude-cli-nodejs")
		logs = filepath.Join(home, "Library", "Logs", "Claude")
	case "windows":
		config, cache = getenv("APPDATA"), filepath.Join(getenv("LOCALAPPDATA"), "claude-cli-nodejs", "Cache")
		logs = filepath.Join(config, "Claude", "logs")
	default:
		if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
			config, logs = dir, filepath.Join(dir, "Claude", "logs")
		}
		if dir := getenv("XDG_CACHE_HOME"); dir != "" {
			cache = filepath.Join(dir, "claude-cli-nodejs")
		}
	}
	return []HostFolder{
		{"Claude Desktop", logs},
		{"Claude Code", filepath.Join(cache, "*", "mcp-logs-*")},
		{"VS Code", filepath.Join(config, "Code", "logs", "*", "window*", "mcpServer*")},
		{"VS Code", filepath.Join(config, "Code", "logs", "*", "window*", "exthost", "*mcp*")},
		{"Cursor", filepath.Join(config, "Cursor", "logs", "*", "window*", "exthost", "anysphere.cursor-*")},
	}
}
