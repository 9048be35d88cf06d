// Command gosdk is a stateful server on the official Go SDK: v1.7.0 keeps a
// session of every server/discover, v1.8.0 does not.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	_ "net/http/pprof" // the live heap

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type arguments struct {
	Text string `json:"text"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "")
	flag.Parse()
	server := mcp.NewServer(&mcp.Implementation{Name: "gosdk", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "echo"}, func(_ context.Context, _ *mcp.CallToolRequest, in arguments) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Text}}}, nil, nil
	})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	http.Handle("/mcp", handler)
	log.Fatal(http.ListenAndServe(*listen, nil))
}
