package gather

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Times and number of the requests to the ports of a command that does not answer.
const (
	portEvery = 3 * time.Second
	portTime  = time.Second // of one request
	maxPorts  = 4
)

// initialize sends initialize. While there is no answer, it tries whether the command
// speaks MCP over HTTP instead; then there will be none.
func (g *stdioGatherer) initialize(ctx context.Context) *facts.Exchange {
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		defer cancel()
		g.watchPorts(ctx)
	}()
	x, _ := g.roundTrip(ctx, "initialize", fmt.Sprintf(initializeAs, facts.Legacy))
	cancel()
	<-watched
	if x.Status != 0 {
		g.s.Ports, g.s.HTTP = nil, "" // it speaks over both
	}
	return x
}

// watchPorts returns at the end of ctx, or when a port of the command speaks MCP.
func (g *stdioGatherer) watchPorts(ctx context.Context) {
	tick := time.NewTicker(portEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.s.Ports = process.TreePorts(g.conn.Info.ID)
		for _, port := range g.s.Ports[:min(len(g.s.Ports), maxPorts)] {
			if g.s.HTTP = speaksHTTP(ctx, port); g.s.HTTP != "" {
				return
			}
		}
	}
}

// speaksHTTP returns the usual address of MCP on a port of this machine if a server of
// MCP is there, else "". A port alone proves nothing: servers over stdio open ports for
// logins and debuggers.
func speaksHTTP(ctx context.Context, port int) string {
	target := &url.URL{Scheme: "http", Host: fmt.Sprintf("localhost:%d", port), Path: client.MCPPath}
	c, err := client.New(client.Config{Timeout: portTime, Agent: "mcpdiag"})
	if err != nil {
		return ""
	}
	defer c.HTTP().CloseIdleConnections()
	g := &gatherer{Options: Options{Target: target, Client: c}, f: &facts.Facts{}, until: time.Now().Add(portTime)}
	r := initializePost("initialize", facts.Legacy)
	r.opens = false // its session ends with the command
	if x, _ := g.exchange(ctx, r); x.Result() || x.Status == http.StatusUnauthorized {
		return target.String()
	}
	return ""
}
