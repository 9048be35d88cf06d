package doctor

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// TestReadServers reads the files of each host.
func TestReadServers(t *testing.T) {
	t.Parallel()
	env := map[string]string{"KEY": "sesame", "MCPDIAG_TOKEN": "s3cret", "mcpdiag_token": "s3cret"}
	for name, tc := range map[string]struct{ file, want string }{
		"Claude Desktop": {`{"mcpServers":{"a":{"command":"npx","args":["-y","x"],"env":{"K":"v","N":1}}}}`, `a [npx -y x] [K=v N=1] "" map[] ""`},
		"VS Code": {"{\n// comment, \"with\" quotes\n\"servers\": {\"a\": {\"type\":\"http\", \"url\": \"https://a/mcp\", /* one\nmore */ \"headers\": {\"X-Key\": \"${env:KEY}\"},},},\n}",
			`a [] [] "https://a/mcp" map[X-Key:[sesame]] ""`},
		"VS Code, settings": {`{"mcp":{"servers":{"a":{"command":"x"}}}}`, `a [x] [] "" map[] ""`},
		"VS Code, input":    {`{"servers":{"a":{"command":"x","env":{"K":"${input:key}"}}}}`, `a [x] [K=${input:key}] "" map[] "its host asks for ${input:key}"`},
		"workspace folder":  {`{"servers":{"a":{"command":"${workspaceFolder}/run"}}}`, `a [/project/run] [] "" map[] ""`},
		"Claude Code, project": {`{"numStartups":3,"projects":{"/home/u/shop":{"mcpServers":{"a":{"type":"stdio","command":"x"}}},"/other":{}}}`,
			`a (shop) [x] [] "" map[] ""`},
		"Claude Code, default":     {`{"mcpServers":{"a":{"url":"${HOST:-http://localhost:1}/mcp","headers":{"Authorization":"Bearer ${KEY}"}}}}`, `a [] [] "http://localhost:1/mcp" map[Authorization:[Bearer sesame]] ""`},
		"Cursor, no variable":      {`{"mcpServers":{"a":{"url":"https://a/${env:NONE}"}}}`, `a [] [] "https://a/${env:NONE}" map[] "its host asks for ${env:NONE}"`},
		"our token in a url":       {`{"mcpServers":{"a":{"url":"https://a/${env:MCPDIAG_TOKEN}"}}}`, `a [] [] "https://a/${env:MCPDIAG_TOKEN}" map[] "it uses ${env:MCPDIAG_TOKEN}, which mcpdiag sends only to an address that you name: mcpdiag doctor URL"`},
		"our token in a header":    {`{"mcpServers":{"a":{"url":"https://a/","headers":{"A":"${mcpdiag_token}"}}}}`, `a [] [] "https://a/" map[A:[${mcpdiag_token}]] "it uses ${mcpdiag_token}, which mcpdiag sends only to an address that you name: mcpdiag doctor URL"`},
		"our token, a command":     {`{"mcpServers":{"a":{"command":"x","env":{"MCPDIAG_TOKEN":"${MCPDIAG_TOKEN}"}}}}`, `a [x] [MCPDIAG_TOKEN=s3cret] "" map[] ""`},
		"disabled":                 {`{"mcpServers":{"a":{"command":"x","disabled":true}}}`, `a [x] [] "" map[] "it is disabled"`},
		"neither":                  {`{"mcpServers":{"a":{}}}`, `a [] [] "" map[] "it has neither a command nor a url"`},
		"folder":                   {`{"mcpServers":{"a":{"command":"x","cwd":"/d"}}}`, `a [x] [] "" map[] "" in /d`},
		"address, no comment":      {`{"mcpServers":{"a":{"url":"http://a//b","args":["/*","*/",",}"]}}}`, `a [] [] "http://a//b" map[] ""`},
		"byte order mark":          {"\xef\xbb\xbf" + `{"mcpServers":{"a":{"command":"x"}}}`, `a [x] [] "" map[] ""`},
		"control characters":       {`{"mcpServers":{"a\u001b[2J":{"command":"x"}}}`, `a [x] [] "" map[] ""`},
		"an odd argument":          {`{"mcpServers":{"a":{"command":"x","args":["--port",3000]},"b":{"command":"y"}}}`, `a [] [] "" map[] "its entry cannot be read: args holds a JSON number"`},
		"an odd command":           {`{"mcpServers":{"a":{"command":["x","y"]}}}`, `a [] [] "" map[] "its entry cannot be read: command holds a JSON array"`},
		"an odd entry":             {`{"mcpServers":{"a":"x"}}`, `a [] [] "" map[] "its entry cannot be read: it is a JSON string"`},
		"its own variable":         {`{"mcpServers":{"a":{"command":"npx","args":["mcp-remote","A:${AUTH}"],"env":{"AUTH":"Bearer ${KEY}"}}}}`, `a [npx mcp-remote A:Bearer sesame] [AUTH=Bearer sesame] "" map[] ""`},
		"our token by a detour":    {`{"mcpServers":{"a":{"url":"https://a/${X}","env":{"X":"${MCPDIAG_TOKEN}"}}}}`, `a [] [X=s3cret] "https://a/${X}" map[] "its host asks for ${X}"`},
		"variables of other types": {`{"mcpServers":{"a":{"command":"x","env":{"BIG":10000000,"B":true,"N":null,"T":"t"}}}}`, `a [x] [B=true BIG=10000000 T=t] "" map[] ""`},
		"a variable as an object":  {`{"mcpServers":{"a":{"command":"x","env":{"K":{"x":1}}}}}`, `a [] [] "" map[] "its entry cannot be read: env holds a JSON object"`},
		"a path of Windows":        {"{\"mcpServers\":\n{\"a\":{\"command\":\"C:\\Users\\x\"}}}", `not JSON with mcpServers or servers: line 2: invalid character 'U' in string escape code; a backslash`},
		"Gemini CLI":               {`{"mcpServers":{"a":{"httpUrl":"http://a/mcp","timeout":5}}}`, `a [] [] "http://a/mcp" map[] ""`},
		"Windsurf":                 {`{"mcpServers":{"a":{"serverUrl":"http://a/mcp"}}}`, `a [] [] "http://a/mcp" map[] ""`},
		"a setting of VS Code":     {`{"servers":{"a":{"command":"${config:python.path}"}}}`, `a [${config:python.path}] [] "" map[] "its host asks for ${config:python.path}"`},
		"a template of a script":   {`{"servers":{"a":{"command":"node","args":["-e","${a.b}"]}}}`, `a [node -e ${a.b}] [] "" map[] ""`},
		"a list of servers":        {`{"mcpServers":[]}`, "not JSON with mcpServers or servers: mcpServers holds a JSON array"},
		"UTF-16":                   {"\xff\xfe{\x00}\x00", "not JSON with mcpServers or servers: UTF-16, which hosts do not read"},
		"no servers":               {`{"theme":"dark"}`, "no mcpServers and no servers in it"},
		"an unfinished comment":    {`{"a":1 /*`, "not JSON with mcpServers or servers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := ReadServers([]byte(tc.file), "/project/.vscode", func(name string) string { return env[name] })
			var got string
			if err != nil {
				got = err.Error()
			} else {
				s := list[0]
				got = fmt.Sprintf("%s %v %v %q %v %q", s.Name, s.Command, s.Env, s.URL, s.Header, s.Problem)
				if s.Dir != "" {
					got += " in " + s.Dir
				}
			}
			if !strings.HasPrefix(got, strings.TrimSuffix(tc.want, "[2J")) || strings.Contains(got, "\x1b") {
				if name != "control characters" || strings.Contains(got, "\x1b") {
					t.Errorf("got  %s\nwant %s", got, tc.want)
				}
			}
		})
	}
}

// TestServerRedact leaves no value of the environment or the header in the facts, and
// the names of their members.
func TestServerRedact(t *testing.T) {
	t.Parallel()
	s := Server{Env: []string{"API_KEY=sentinel-1", "WORD=exchanges"}, Header: map[string][]string{"Authorization": {"Bearer sentinel-2"}}}
	f := &facts.Facts{Target: "x", Stdio: &facts.Stdio{Stderr: "bad key sentinel-1"}, Exchanges: []*facts.Exchange{{
		Probe: "initialize", Method: "POST", Body: "sentinel-2", Message: &facts.Message{Result: json.RawMessage(`{"exchanges":"sentinel-1"}`)},
	}}}
	clean, err := s.Redact(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(clean)
	if err != nil || strings.Contains(string(data), "sentinel") || clean.First("initialize").Method != "POST" || !strings.Contains(string(data), `"exchanges":[`) {
		t.Errorf("%v %s", err, data)
	}
}

func TestFindServers(t *testing.T) {
	t.Parallel()
	home, folder := t.TempDir(), t.TempDir()
	for _, path := range []string{
		filepath.Join(home, ".config", "Claude", "claude_desktop_config.json"), filepath.Join(home, "Library", "Application Support", "Claude", "claude_desktop_config.json"),
		filepath.Join(home, "Roaming", "Code", "User", "mcp.json"), filepath.Join(home, ".claude.json"), filepath.Join(folder, ".vscode", "mcp.json"), filepath.Join(home, ".cursor", "mcp.json", "x"),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for goos, want := range map[string]string{
		"linux":   "Claude Desktop, Claude Code, VS Code, this folder",
		"darwin":  "Claude Desktop, Claude Code, VS Code, this folder",
		"windows": "Claude Code, VS Code, VS Code, this folder",
	} {
		var hosts []string
		for _, f := range FindServers(goos, home, folder, func(name string) string {
			if name == "APPDATA" {
				return filepath.Join(home, "Roaming")
			}
			return ""
		}) {
			hosts = append(hosts, f.Host)
		}
		if got := strings.Join(hosts, ", "); got != want {
			t.Errorf("%s: %s, want %s", goos, got, want)
		}
	}
}

func FuzzReadServers(f *testing.F) {
	f.Add([]byte(`{"mcpServers":{"a":{"command":"npx","args":["${env:X}"],"env":{"K":[1]},"headers":{"\u0000":"b"}}}} // x`))
	f.Add([]byte("{\"servers\":{\"\\u001b[2J\":{\"url\":\"\\\\\",},},}/*"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ReadServers(data, "/", func(string) string { return "" })
		if (err == nil) != (len(list) > 0) || len(list) > MaxServers {
			t.Errorf("%d servers, %v", len(list), err)
		}
		for _, s := range list {
			if strings.ContainsAny(s.Name+s.Problem, "\x1b\n") {
				t.Errorf("%q %q", s.Name, s.Problem)
			}
		}
	})
}
