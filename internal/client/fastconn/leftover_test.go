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
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
)

// TestLeftover checks that data beyond an answer does not pass for the next answer.
func TestLeftover(t *testing.T) {
	base, _ := url.Parse(clienttest.Speak(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body := "answer to " + req.URL.Path
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%sHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", len(body), body)
		}
	}))
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
