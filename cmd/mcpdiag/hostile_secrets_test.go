package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A redirect is reported and not followed; where it leads nobody sees a
// request, let alone a credential.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	note := func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprint(r.Method, " ", r.URL, " ", r.Header))
	}
	second := httptest.NewServer(http.HandlerFunc(note))
	defer second.Close()
	encrypted := httptest.NewTLSServer(http.HandlerFunc(note))
	defer encrypted.Close()
	port := strings.TrimPrefix(second.URL, "http://127.0.0.1")
	token := secret(t, "SENTINEL-token")
	for _, code := range []int{301, 302, 307, 308} {
		for where, to := range map[string]string{
			"another port": second.URL, "another host": "http://localhost" + port, "another scheme": encrypted.URL, "a loop": "",
			"with secrets": "http://u:SENTINEL-u@127.0.0.1" + port + "/x?token=SENTINEL-q",
		} {
			redirect := func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Location", or2(to, r.URL.Path))
				w.WriteHeader(code)
			}
			all := (&badServer{snapshot: redirect, mcp: redirect}).start(t)
			calls := (&badServer{snapshot: redirect, tool: "x", call: redirect}).start(t)
			dir := t.TempDir()
			lines := asks(all, dir)
			lines["loadtest calls"] = []string{"loadtest", calls, "--users", "1", "--calls", "1", "--protocol", "2025-11-25"}
			for what, args := range lines {
				t.Run(fmt.Sprint(code, " ", where, ", ", what), func(t *testing.T) {
					o := invoke(t, append(args, "--token-file", token, "-H", "X-API-Key: @"+token, "-v")...)
					o.wants(t, exitFailure, "which is not followed; give that URL if you trust it")
					if to != "" && where != "with secrets" && !strings.Contains(o.err+o.out, to) {
						t.Errorf("%s is not named in %s", to, o.err)
					}
					noSentinel(t, o, dir)
				})
			}
		}
	}
	if len(seen) > 0 {
		t.Errorf("the second server saw %d requests, such as %s", len(seen), seen[0])
	}
}

func or2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// secret writes a token to a file outside the folder that is searched.
func secret(t *testing.T, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// noSentinel wants none of the credentials of these tests in what was written.
func noSentinel(t *testing.T, o ended, dir string) {
	t.Helper()
	all := files(t, dir)
	all["stdout"], all["stderr"] = o.out, o.err
	for name, text := range all {
		for _, form := range []string{"SENTINEL", "U0VOVElORUw"} { // plain, and in base64
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s holds a credential: …%.120q", name, text[max(0, i-60):])
			}
		}
	}
}

// Servers that repeat what they were sent, at every stage, and command
// lines that are wrong: no credential is shown or written.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const odd = `SENTINEL-"quoted"&<odd>\` // which JSON and URLs write in other ways
	// dump is the request as an error page shows it, all the forms of a value among them.
	dump := func(r *http.Request) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s %s\n", r.Method, r.URL, r.URL.RawQuery)
		for name, values := range r.Header {
			for _, v := range values {
				fmt.Fprintf(&b, "%s: %s %q %s\n", name, v, v, url.QueryEscape(v))
			}
		}
		return b.String()
	}
	echo := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, dump(r))
		}
	}
	inDocument := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"heapUsedMB": 1, "activeSessions": 1, %s: 1, "toolCallStack": [{"id": %[1]s, "name": %[1]s}], "handlerQueue": {%[1]s: 2}, "pid": %[1]s}`, quote(dump(r)))
	}
	inResult := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"isError":true,"content":[{"type":"text","text":%s}]}}`, rpcID(r), quote(dump(r)))
	}
	inError := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":%s}}`, rpcID(r), quote(dump(r)))
	}
	inRedirect := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/login?next=1&token="+url.QueryEscape(r.Header.Get("X-Api-Key")))
		w.WriteHeader(http.StatusFound)
	}
	key, token := secret(t, odd), secret(t, "SENTINEL-token")
	servers := map[string]*badServer{
		"200, in the document": {snapshot: inDocument, tool: "x", call: inResult}, "a JSON-RPC error": {snapshot: inDocument, tool: "x", call: inError},
		"200, no JSON": {snapshot: echo(200), mcp: echo(200)}, "a redirect": {snapshot: inRedirect, mcp: inRedirect}, "calls": {tool: "x", call: echo(503)},
	}
	for _, code := range []int{400, 401, 404, 429, 500} {
		servers[fmt.Sprint(code)] = &badServer{snapshot: echo(code), mcp: echo(code)}
	}
	for title, b := range servers {
		address := b.start(t)
		withUser := strings.Replace(address, "http://", "http://user:SENTINEL-pass@", 1)
		for how, extra := range map[string][]string{
			"a token":        {"--token-file", token, "-H", "X-API-Key: @" + key, "-H", "Cookie: a=SENTINEL-cookie", "-v"},
			"a header":       {"-H", "Authorization: Bearer SENTINEL-typed", "-v"},
			"a header, file": {"-H", "X-Custom: @" + key},
			"in the URL":     {"-v"},
			"in its query":   {"-v"},
		} {
			base := address
			switch how {
			case "in the URL":
				base = withUser
			case "in its query":
				base = address + "/?token=SENTINEL-query%2Fpart&a=b"
			}
			dir := t.TempDir()
			for what, args := range asks(base, dir) {
				if how == "in its query" { // an address with a query needs its path too
					path := snapshotPath
					if strings.HasPrefix(what, "loadtest") {
						path = mcpPath
					}
					args = append([]string{args[0], strings.Replace(args[1], "/?", path+"?", 1)}, args[2:]...)
				}
				t.Run(title+", "+how+", "+what, func(t *testing.T) {
					o := invoke(t, append(args, extra...)...)
					o.harmless(t)
					noSentinel(t, o, dir)
				})
			}
		}
	}
}

func quote(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(data)
}

// The ways of getting a command line wrong that would show a credential.
func TestSecretsInWrongCommandLines(t *testing.T) {
	t.Setenv("MCPDIAG_TOKEN", "SENTINEL-env")
	key := secret(t, "SENTINEL-file")
	empty := secret(t, "")
	for title, tc := range map[string]struct {
		code int
		args []string
	}{
		"a header without a colon":   {exitUsage, []string{"-H", "SENTINEL"}},
		"a header without a name":    {exitUsage, []string{"-H", ": SENTINEL"}},
		"a header of two lines":      {exitUsage, []string{"-H", "X-API-Key: a\nb: SENTINEL"}},
		"a header that HTTP refuses": {exitFailure, []string{"-H", "X-API-Key: SENTINEL\x01"}},
		"a file that is empty":       {exitFailure, []string{"--token-file", empty}},
		"a file that is not there":   {exitFailure, []string{"--token-file", key + "x"}},
		"a proxy, --insecure":        {exitFailure, []string{"--insecure", "-H", "X-API-Key: @" + key, "-v"}},
	} {
		for _, command := range []string{"poll", "diff", "loadtest"} {
			t.Run(title+", "+command, func(t *testing.T) {
				dir := t.TempDir()
				args := append([]string{command, "http://127.0.0.1:1"}, tc.args...)
				if command == "poll" {
					args = append(args, "--count", "1", "-o", filepath.Join(dir, "t"))
				}
				o := invoke(t, args...)
				o.wants(t, tc.code, "mcpdiag:")
				noSentinel(t, o, dir)
			})
		}
	}
	for _, address := range []string{
		"user:SENTINEL@host name:80", "http://user:SENTINEL@host:port", "ftp://user:SENTINEL@host/x?token=SENTINEL", "http://127.0.0.1:1/x?access_token=SENTINEL",
		"http://SENTINEL@127.0.0.1:1/", "127.0.0.1:1?key=SENTINEL",
	} {
		for _, command := range []string{"poll", "loadtest"} {
			t.Run(address+", "+command, func(t *testing.T) {
				dir := t.TempDir()
				args := []string{command, address, "-v"}
				if command == "poll" {
					args = append(args, "--count", "1", "-o", filepath.Join(dir, "t"))
				}
				o := invoke(t, args...)
				if o.code == exitOK {
					t.Error("exit code 0")
				}
				o.harmless(t)
				noSentinel(t, o, dir)
			})
		}
	}
}

// TestTokenOfTheEnvironment blanks MCPDIAG_TOKEN also where other credentials are sent: what
// mcpdiag starts inherits it.
func TestTokenOfTheEnvironment(t *testing.T) {
	t.Setenv("MCPDIAG_TOKEN", "SENTINEL-env")
	url := (&badServer{snapshot: func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "its token is SENTINEL-env", http.StatusTeapot)
	}}).start(t)
	for name, args := range map[string][]string{
		"alone":           nil,
		"--token-file":    {"--token-file", secret(t, "another-token")},
		"--token-command": {"--token-command", "echo another-token"},
		"-H":              {"-H", "Authorization: Basic another-token"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := invoke(t, append([]string{"poll", url, "--count", "1", "-o", filepath.Join(dir, "trace"), "-v"}, args...)...)
			o.wants(t, exitFailure, "its token is REDACTED")
			noSentinel(t, o, dir)
		})
	}
}
