// Command mcpgo is a server on mark3labs/mcp-go: in v0.43.2 sessions survive
// DELETE, in v0.44.1 they do not.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	_ "net/http/pprof" // the live heap

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "")
	flag.Parse()
	s := server.NewMCPServer("mcpgo", "1", server.WithToolCapabilities(true))
	s.AddTool(mcp.NewTool("echo", mcp.WithString("text", mcp.Required())),
		func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(req.GetString("text", "")), nil
		})
	http.Handle("/mcp", server.NewStreamableHTTPServer(s))
	log.Fatal(http.ListenAndServe(*listen, nil))
}
