package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// counting returns a command that prints tok1, tok2, … and a function that returns how
// often it ran.
func counting(t *testing.T, text string) (command string, runs func() int) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("it needs a POSIX shell")
	}
	file := filepath.Join(t.TempDir(), "runs")
	command = "echo x >> " + file + "; n=$(wc -l < " + file + " | tr -d ' '); " + text
	return command, func() int {
		data, err := os.ReadFile(file)
		if err != nil {
			return 0
		}
		return strings.Count(string(data), "x")
	}
}

// bearerClient returns a client of a server whose token comes from a command.
func bearerClient(t *testing.T, server *httptest.Server, command string) (*Client, error) {
	t.Helper()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBearer(t.Context(), command)
	if err != nil {
		return nil, err
	}
	return New(Config{Timeout: 10 * time.Second, Bearer: b, Origins: []*url.URL{u}})
}

func postText(ctx context.Context, t *testing.T, c *Client, to, text string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.HTTP().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// TestBearer wants a new token when the server refuses the old one, the request sent
// again with its body, and no token in an answer that quotes it.
func TestBearer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		accepts string
		print   string
		status  int
		runs    int
	}{
		"accepted":        {"tok1", "echo tok$n", 200, 1},
		"renewed":         {"tok2", "echo tok$n", 200, 2},
		"always refused":  {"never", "echo tok$n", 401, 2},
		"the same again":  {"tok2", "echo tok1", 401, 2},
		"about to expire": {"tok2", `echo "{\"access_token\":\"tok$n\",\"expires_in\":5}"`, 200, 2},
		"valid for long":  {"tok1", `echo "{\"access_token\":\"tok$n\",\"expires_in\":3600}"`, 200, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Header.Get("Authorization") != "Bearer "+tc.accepts {
					w.WriteHeader(http.StatusUnauthorized)
				}
				_, _ = io.WriteString(w, string(body)+" "+r.Header.Get("Authorization"))
			}))
			t.Cleanup(s.Close)
			command, runs := counting(t, tc.print)
			c, err := bearerClient(t, s, command)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				status, body := postText(t.Context(), t, c, s.URL, "question")
				if status != tc.status || !strings.HasPrefix(body, "question") || strings.Contains(body, "tok") {
					t.Errorf("status %d, body %q", status, body)
				}
			}
			if runs() != tc.runs {
				t.Errorf("the command ran %d times, want %d", runs(), tc.runs)
			}
		})
	}
}

// TestBearerElsewhere sends the token to its server alone.
func TestBearerElsewhere(t *testing.T) {
	t.Parallel()
	var leaked atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked.Add(1)
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(other.Close)
	command, runs := counting(t, "echo tok$n")
	target := httptest.NewServer(nil)
	t.Cleanup(target.Close)
	c, err := bearerClient(t, target, command)
	if err != nil {
		t.Fatal(err)
	}
	postText(t.Context(), t, c, other.URL, "")
	postText(t.Context(), t, c.WithoutCredentials(), other.URL, "")
	if leaked.Load() != 0 || runs() != 1 {
		t.Errorf("sent %d times to another server, the command ran %d times", leaked.Load(), runs())
	}
	if _, ok := c.Engine(target.URL); ok {
		t.Error("a connection with fixed headers cannot renew the token")
	}
}

func TestBearerErrors(t *testing.T) {
	t.Parallel()
	_, runs := counting(t, "") // skips where there is no shell
	_ = runs
	for command, want := range map[string]string{
		"echo secret >&2; exit 7":              "the command ended with exit code 7; run it by hand to see why",
		"true":                                 "the command printed no token",
		"echo a b":                             "more than one line or word",
		"echo '{\"access_token\":'":            "JSON that cannot be read",
		"echo '{\"error\":\"denied\"}'":        "the command printed no token",
		"head -c 70000 /dev/zero | tr '\\0' a": "more than 64 KiB",
	} {
		if b, err := NewBearer(t.Context(), command); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: a bearer %t, %v", command, b != nil, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := NewBearer(ctx, "sleep 20"); err == nil || !strings.Contains(err.Error(), "did not print a token within") {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := NewBearer(ctx, "sleep 20"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func FuzzParseToken(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	for _, text := range []string{"tok", "Bearer tok\n", `{"access_token":"a","expires_in":1e300}`, `{"token":"a"}`, "e30.eyJleHAiOjE4MDAwMDAwMDB9.x", "\x1b[2J", "a\nb", `{"access_token":"a\nb"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		token, _, err := parseToken(out, now)
		if (err == nil) == (token == "") || strings.ContainsAny(token, "\r\n \x1b") {
			t.Errorf("%s %v", strconv.Quote(token), err)
		}
	})
}
