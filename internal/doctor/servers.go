package doctor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// MaxServers limits the servers of a file, and MaxServerFile its bytes.
const (
	MaxServers    = 50
	MaxServerFile = 16 << 20 // the file of Claude Code holds more than servers
)

// Server is a server as a host's settings have it. Its environment and header are secrets.
type Server struct {
	Name    string
	Command []string
	Env     []string
	Dir     string // of the command; "" is the current folder
	URL     string
	Header  http.Header
	Problem string // why it cannot be examined
}

// hostEntry is a server in a host's settings.
type hostEntry struct {
	Command  string              `json:"command"`
	Args     []string            `json:"args"`
	Env      map[string]envValue `json:"env"`
	Dir      string              `json:"cwd"`
	URL      string              `json:"url"`
	Windsurf string              `json:"serverUrl"`
	Gemini   string              `json:"httpUrl"`
	Headers  map[string]string   `json:"headers"`
	Disabled bool                `json:"disabled"`
}

// envValue is the value of a variable as it stands in a file: a text, or a number or truth value
// as it is written. null leaves the variable out.
type envValue struct {
	text string
	none bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *envValue) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		return json.Unmarshal(data, &v.text)
	case '{':
		return &json.UnmarshalTypeError{Value: "object"}
	case '[':
		return &json.UnmarshalTypeError{Value: "array"}
	}
	v.text, v.none = string(data), string(data) == "null"
	return nil
}

// hostFile is a file of settings: Claude Desktop, Claude Code and Cursor have mcpServers,
// VS Code has servers, also below mcp, and Claude Code more of them below projects.
type hostFile struct {
	MCPServers entries `json:"mcpServers"`
	Servers    entries `json:"servers"`
	MCP        struct {
		Servers entries `json:"servers"`
	} `json:"mcp"`
	Projects map[string]struct {
		MCPServers entries `json:"mcpServers"`
	} `json:"projects"`
}

// entries are servers by name. Each is read by itself: one that is wrong does not keep the
// others from being examined.
type entries map[string]json.RawMessage

// ReadServers reads the servers of a file of settings. getenv gives the values of
// placeholders such as ${env:NAME}; folder is that of the file.
func ReadServers(data []byte, folder string, getenv func(string) string) ([]Server, error) {
	var f hostFile
	if err := json.Unmarshal(withoutComments(data), &f); err != nil {
		return nil, errors.New("not JSON with mcpServers or servers: " + notJSON(data, err))
	}
	fill := placeholders{getenv: getenv, folder: folder}
	var list []Server
	for _, part := range []entries{f.MCPServers, f.Servers, f.MCP.Servers} {
		for _, name := range slices.Sorted(maps.Keys(part)) {
			list = append(list, fill.server(name, part[name]))
		}
	}
	for _, project := range slices.Sorted(maps.Keys(f.Projects)) {
		part := f.Projects[project].MCPServers
		for _, name := range slices.Sorted(maps.Keys(part)) {
			s := fill.server(name, part[name])
			s.Name += " (" + report.Cell(filepath.Base(project), 40) + ")"
			list = append(list, s)
		}
	}
	switch {
	case len(list) == 0:
		return nil, errors.New("no mcpServers and no servers in it")
	case len(list) > MaxServers:
		return nil, fmt.Errorf("it has %d servers; at most %d are examined", len(list), MaxServers)
	}
	return list, nil
}

// notJSON says where and why data is not JSON.
func notJSON(data []byte, err error) string {
	text := facts.WrongType(err)
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return "UTF-16, which hosts do not read: save it as UTF-8"
	}
	if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := data[:min(max(bad.Offset, 0), int64(len(data)))]
		text = fmt.Sprintf("line %d: %s", 1+bytes.Count(before, []byte("\n")), text)
	}
	if strings.Contains(text, "in string escape code") {
		text += `; a backslash, as in paths of Windows, is written twice: \\`
	}
	return text
}

// withoutComments returns JSON without comments and trailing commas, which VS Code and
// Cursor allow. Both become spaces, so that offsets in errors stay.
func withoutComments(data []byte) []byte {
	data = slices.Clone(data)
	if string(data[:min(3, len(data))]) == "\xef\xbb\xbf" {
		copy(data, "   ")
	}
	comma, text := -1, false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case text && c == '\\':
			i++
		case c == '"':
			text, comma = !text, -1
		case text:
		case c == '/' && i+1 < len(data) && (data[i+1] == '/' || data[i+1] == '*'):
			i = blankComment(data, i)
		case c == ',':
			comma = i
		case (c == '}' || c == ']') && comma >= 0:
			data[comma], comma = ' ', -1
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			comma = -1
		}
	}
	return data
}

// blankComment blanks the comment that begins at i and returns its last byte.
func blankComment(data []byte, i int) int {
	end := "\n"
	if data[i+1] == '*' {
		end = "*/"
	}
	last := len(data)
	if n := strings.Index(string(data[i+2:]), end); n >= 0 {
		last = i + 2 + n + len(end)
	}
	for ; i < last; i++ {
		if data[i] != '\n' {
			data[i] = ' '
		}
	}
	return last - 1
}

// placeholders fills in values as hosts do.
type placeholders struct {
	getenv func(string) string
	folder string
	own    map[string]string // the variables of the command
}

// server returns a server with its placeholders filled in. Those without a value stay, and
// are its problem.
func (p placeholders) server(name string, entry json.RawMessage) Server {
	s := Server{Name: report.Cell(name, 60), Header: http.Header{}}
	var e hostEntry
	if err := json.Unmarshal(entry, &e); err != nil {
		s.Problem = "its entry cannot be read: " + facts.WrongType(err)
		return s
	}
	var missing []string
	fill := func(text string) string { return p.fill(text, &missing) }
	send := func(text string) string { return p.withoutOurs().fill(text, &missing) }
	own := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(e.Env)) {
		if e.Env[key].none {
			continue
		}
		own[key] = fill(e.Env[key].text)
		s.Env = append(s.Env, key+"="+own[key])
	}
	p.own = own // some commands fill them into their arguments themselves, as mcp-remote does
	if e.Command != "" {
		s.Command = []string{fill(e.Command)}
		for _, arg := range e.Args {
			s.Command = append(s.Command, fill(arg))
		}
	}
	s.Dir = fill(e.Dir)
	for key, value := range e.Headers {
		s.Header.Set(key, send(value))
	}
	s.URL = send(cmp.Or(e.Gemini, e.URL, e.Windsurf))
	switch {
	case e.Disabled:
		s.Problem = "it is disabled"
	case e.Command == "" && slices.ContainsFunc(missing, isOurs):
		s.Problem = "it uses " + report.Line(strings.Join(missing, ", ")) + ", which mcpdiag sends only to an address that you name: mcpdiag doctor URL"
	case len(missing) > 0:
		s.Problem = "its host asks for " + report.Line(strings.Join(missing, ", "))
	case len(s.Command) == 0 && s.URL == "":
		s.Problem = "it has neither a command nor a url"
	}
	return s
}

// withoutOurs returns p without our own variables: MCPDIAG_TOKEN goes to addresses that the
// user named, and to none that a file names.
func (p placeholders) withoutOurs() placeholders {
	getenv := p.getenv
	p.own = nil
	p.getenv = func(name string) string {
		if isOurs(name) {
			return ""
		}
		return getenv(name)
	}
	return p
}

// isOurs reports whether a variable, or a placeholder of one, is ours. Windows ignores case.
func isOurs(name string) bool {
	if m := placeholder.FindStringSubmatch(name); m != nil {
		name = m[2] + m[3]
	}
	return strings.HasPrefix(strings.ToUpper(name), "MCPDIAG_")
}

// placeholder matches ${NAME}, ${env:NAME}, ${NAME:-default} and ${config:name.of.setting}.
var placeholder = regexp.MustCompile(`\$\{(?:([A-Za-z]+:)([A-Za-z_][A-Za-z0-9_.-]*)|([A-Za-z_][A-Za-z0-9_-]*))(:-[^}]*)?\}`)

func (p placeholders) fill(text string, missing *[]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		m := placeholder.FindStringSubmatch(found)
		kind, name, otherwise := m[1], m[2]+m[3], m[4]
		switch {
		case kind == "" && name == "workspaceFolder":
			return strings.TrimSuffix(strings.TrimSuffix(p.folder, "/.vscode"), `\.vscode`)
		case kind == "" && name == "userHome":
			home, _ := os.UserHomeDir() // an empty one leads nowhere, which shows
			return home
		case kind == "" || kind == "env:":
			if value := cmp.Or(p.own[name], p.getenv(name)); value != "" {
				return value
			}
			if otherwise != "" {
				return strings.TrimPrefix(otherwise, ":-")
			}
		}
		*missing = append(*missing, found)
		return found
	})
}

// secrets returns the values that must not be printed.
func (s Server) secrets() client.Secrets {
	var values []string
	for _, pair := range s.Env {
		if _, value, _ := strings.Cut(pair, "="); len(value) >= 6 {
			values = append(values, value)
		}
	}
	for _, list := range s.Header {
		for _, value := range list {
			values = append(values, value)
			if _, credential, ok := strings.Cut(value, " "); ok {
				values = append(values, credential)
			}
		}
	}
	return client.SecretsOf(http.Header{}, values...)
}

// Redact returns facts without the values of the server's environment and header.
func (s Server) Redact(f *facts.Facts) (*facts.Facts, error) {
	var tree any
	data, err := json.Marshal(f)
	if err == nil {
		err = json.Unmarshal(data, &tree)
	}
	if err == nil {
		data, err = json.Marshal(redactValues(tree, s.secrets()))
	}
	if err != nil {
		return nil, err
	}
	var clean facts.Facts
	return &clean, json.Unmarshal(data, &clean)
}

// redactValues blanks secrets in the strings of a JSON value, and leaves its names.
func redactValues(v any, secrets client.Secrets) any {
	switch v := v.(type) {
	case string:
		return secrets.Redact(v)
	case []any:
		for i := range v {
			v[i] = redactValues(v[i], secrets)
		}
	case map[string]any:
		for name := range v {
			v[name] = redactValues(v[name], secrets)
		}
	}
	return v
}

// ServerFile is a place where a host keeps its servers.
type ServerFile struct{ Host, Path string }

// FindServers returns the files of settings that exist, of hosts on this system and in
// the current folder.
func FindServers(goos, home, folder string, getenv func(string) string) []ServerFile {
	settings := filepath.Join(home, ".config")
	switch goos {
	case "darwin":
		settings = filepath.Join(home, "Library", "Application Support")
	case "windows":
		settings = getenv("APPDATA")
	default:
		if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
			settings = dir
		}
	}
	var found []ServerFile
	for _, f := range []ServerFile{
		{"Claude Desktop", filepath.Join(settings, "Claude", "claude_desktop_config.json")},
		{"Claude Code", filepath.Join(home, ".claude.json")},
		{"Claude Code, this folder", filepath.Join(folder, ".mcp.json")},
		{"VS Code", filepath.Join(settings, "Code", "User", "mcp.json")},
		{"VS Code, this folder", filepath.Join(folder, ".vscode", "mcp.json")},
		{"Cursor", filepath.Join(home, ".cursor", "mcp.json")},
		{"Cursor, this folder", filepath.Join(folder, ".cursor", "mcp.json")},
	} {
		if info, err := os.Stat(f.Path); err == nil && info.Mode().IsRegular() {
			found = append(found, f)
		}
	}
	return found
}
