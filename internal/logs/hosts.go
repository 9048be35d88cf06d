package logs

import (
	"os"
	"path/filepath"
)

// HostFolder is where a host of MCP servers keeps its logs.
type HostFolder struct{ Host, Path string }

// HostFolders returns the log folders of the hosts of MCP servers that exist, for
// the given system (runtime.GOOS), home folder and environment.
func HostFolders(goos, home string, getenv func(string) string) []HostFolder {
	var found []HostFolder
	for _, f := range hostFolders(goos, home, getenv) {
		matches, err := filepath.Glob(f.Path)
		if err != nil {
			continue
		}
		for _, path := range matches {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				found = append(found, HostFolder{f.Host, path})
			}
		}
	}
	return found
}

// hostFolders lists the patterns of a system.
func hostFolders(goos, home string, getenv func(string) string) []HostFolder {
	config, cache, logs := filepath.Join(home, ".config"), filepath.Join(home, ".cache"), filepath.Join(home, ".config", "Claude", "logs")
	switch goos {
	case "darwin":
		config, cache = filepath.Join(home, "Library", "Application Support"), filepath.Join(home, "Library", "Caches")
		logs = filepath.Join(home, "Library", "Logs", "Claude")
	case "windows":
		config, cache = getenv("APPDATA"), getenv("LOCALAPPDATA")
		logs = filepath.Join(config, "Claude", "logs")
	default:
		if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
			config, logs = dir, filepath.Join(dir, "Claude", "logs")
		}
		if dir := getenv("XDG_CACHE_HOME"); dir != "" {
			cache = dir
		}
	}
	return []HostFolder{
		{"Claude Desktop", logs},
		{"Claude Code", filepath.Join(cache, "claude-cli-nodejs", "*", "mcp-logs-*")},
		{"VS Code", filepath.Join(config, "Code", "logs", "*", "window*", "mcpServer*")},
		{"VS Code", filepath.Join(config, "Code", "logs", "*", "window*", "exthost", "*mcp*")},
		{"Cursor", filepath.Join(config, "Cursor", "logs", "*", "window*", "exthost", "anysphere.cursor-*")},
	}
}
