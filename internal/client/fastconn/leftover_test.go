package fastconn

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// TestLeftover checks that data beyond an answer does not pass for the next answer.
func TestLeftover(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					body := "answer to " + req.URL.Path
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%sHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", len(body), body)
				}
			}()
		}
	}()
	base, _ := url.Parse("http://" + l.Addr().String())
	conn := New(newClient(t, client.Config{Origins: []*url.URL{base}}), base.String())
	for i := range 3 {
		path := fmt.Sprintf("/%d", i)
		req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, base.String()+path, nil)
		resp, err := conn.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != "answer to "+path {
			t.Errorf("%s: %q, %v", path, body, err)
		}
	}
}
