package proxy

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// before puts a proxy before a handler and returns it with its URL.
func before(t *testing.T, h http.Handler, cfg Config) (*Proxy, string) {
	t.Helper()
	cfg.To = serverOf(t, h)
	return serve(t, cfg)
}

// serverOf is the address of a server that lasts as long as the test.
func serverOf(t *testing.T, h http.Handler) *url.URL {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	to, _ := url.Parse(server.URL)
	return to
}

func listener(t *testing.T) (l net.Listener, url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, "http://" + l.Addr().String()
}

func serve(t *testing.T, cfg Config) (*Proxy, string) {
	t.Helper()
	cfg.Guard.Private = true
	p := New(cfg)
	return p, listen(t, p)
}

// listen has p serve until the test ends.
func listen(t *testing.T, p *Proxy) (url string) {
	t.Helper()
	l, url := listener(t)
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- p.Serve(ctx, l) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return url
}

// corpus are messages that a proxy which decodes and encodes would change.
var corpus = map[string]string{
	"duplicate keys":       `{"id":1,"id":2,"method":"a","method":"tools/call","params":{"x":1,"x":2}}`,
	"big integers":         `{"id":123456789012345678901234567890,"result":{"n":9007199254740993,"m":1e400,"z":-0,"f":1.10}}`,
	"unknown members":      `{"zzz":null,"jsonrpc":"2.0","id":"x","result":{},"__proto__":{"a":[]}}`,
	"strange white space":  "\r\n\t {\t\"id\" :\n1 ,\r\n\"result\":{ } }\n\n \t",
	"split UTF-8":          `{"id":1,"result":{"text":"` + strings.Repeat("日本語é😀", 3000) + `"}}`,
	"invalid UTF-8":        "{\"id\":1,\"result\":\"\xff\xfe\xc3\"}",
	"escapes":              `{"\u0069d":1,"result":"\u0000\u2028\/\ud800\"<>&"}`,
	"controls":             "{\"id\":1,\"result\":\"\x1b[2J\x7f\u202e\"}",
	"byte order mark":      "\xef\xbb\xbf{\"id\":1}",
	"HTML":                 "<!doctype html><title>login</title>",
	"cut off":              `{"id":1,"result":{"a":[`,
	"two documents":        `{"id":1}{"id":2}`,
	"NUL":                  "{\"id\":1}\x00\x00",
	"large":                `{"id":1,"result":"` + strings.Repeat("0123456789abcdef", 1<<16) + `"}`,
	"depth":                strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
	"empty":                "",
	"SSE":                  "event: message\nid: 1\ndata: {\"id\":1,\ndata: \"result\":{}}\n\n:comment\r\nretry: 5\r\n\r\ndata: x",
	"SSE that never ends":  "data: " + strings.Repeat("x", 100_000),
	"SSE with odd newline": "data: {\"id\":1}\r\rdata\n\n\n\n",
}

// TestTransparent: for each message and way to send it, the bytes that the
// server got are those that the client sent, and back.
func TestTransparent(t *testing.T) {
	t.Parallel()
	var got [32]byte
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = sha256.Sum256(body)
		answerAs(w, r.URL.Query().Get("as"), body)
	})
	_, front := before(t, server, Config{})
	for name, body := range corpus {
		for _, send := range []string{"length", "chunked"} {
			for _, as := range []string{"json", "chunked", "events", "slow", "gzip"} {
				t.Run(name+"/"+send+"/"+as, func(t *testing.T) {
					want := sha256.Sum256([]byte(body))
					var in io.Reader = strings.NewReader(body)
					if send == "chunked" {
						in = io.MultiReader(in)
					}
					req, _ := http.NewRequest(http.MethodPost, front+"/mcp?as="+as, in)
					req.Header.Set("Accept-Encoding", "identity") // or the client undoes the compression
					resp, err := http.DefaultTransport.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					back, err := io.ReadAll(resp.Body)
					if as == "gzip" {
						want := sha256.Sum256(zipped([]byte(body)))
						if sha256.Sum256(back) != want || resp.Header.Get("Content-Encoding") != "gzip" {
							t.Errorf("the compressed answer changed, %d bytes", len(back))
						}
						back = []byte(body)
					}
					if err != nil || got != want || sha256.Sum256(back) != want {
						t.Errorf("sent %x, the server got %x, back came %x (%d of %d bytes, %v)", want[:4], got[:4], sha256.Sum256(back), len(back), len(body), err)
					}
				})
			}
		}
	}
}

func answerAs(w http.ResponseWriter, as string, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	switch as {
	case "events", "slow":
		w.Header().Set("Content-Type", "text/event-stream")
		size := max(1, len(body)/50)
		for piece := body; len(piece) > 0; piece = piece[min(size, len(piece)):] {
			_, _ = w.Write(piece[:min(size, len(piece))])
			if as == "slow" {
				_ = http.NewResponseController(w).Flush()
			}
		}
	case "gzip":
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zipped(body))
	case "chunked":
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(body)
	default:
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	}
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}

// TestHeaders: headers of the message pass, those of the connection do not, and
// none is added.
func TestHeaders(t *testing.T) {
	t.Parallel()
	var got http.Header
	var target string
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, target = r.Header, r.RequestURI
		w.Header()["Content-Type"] = nil
		w.Header()["Date"] = nil
		w.Header().Set("Mcp-Session-Id", "abc")
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusTeapot)
	})
	_, front := before(t, server, Config{})
	req, _ := http.NewRequest(http.MethodGet, front+"/a%2Fb/../c//?x=%20;y&", nil)
	req.Header = http.Header{"User-Agent": nil, "Accept": {"text/event-stream"}, "X-Hop": {"1"}, "Connection": {"X-Hop, keep-alive"},
		"Keep-Alive": {"5"}, "Authorization": {"Bearer t"}, "Last-Event-Id": {"7"}, "Accept-Encoding": {"gzip, br"}}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	want := "map[Accept:[text/event-stream] Accept-Encoding:[gzip, br] Authorization:[Bearer t] Last-Event-Id:[7]]"
	if fmt.Sprint(got) != want || target != "/a%2Fb/../c//?x=%20;y&" {
		t.Errorf("the server got %s %v", target, got)
	}
	want = "map[Content-Length:[0] Mcp-Session-Id:[abc] Set-Cookie:[a=1 b=2]]"
	if fmt.Sprint(resp.Header) != want || resp.StatusCode != http.StatusTeapot {
		t.Errorf("the client got %d %v", resp.StatusCode, resp.Header)
	}
}
