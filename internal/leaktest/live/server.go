package live

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

var errNoRuntime = errors.New("the server has no runtime that can be asked: Node.js is asked by its inspector, Java by jcmd, a Go server by its /debug/pprof")

// OpenServer opens the runtimes of the server at an address: the inspectors of the
// processes of Node.js and the JVMs that listen there or that these started, if it is
// on this machine, and the pages of pprof of a Go server.
func OpenServer(ctx context.Context, target *url.URL, c *client.Client) (*Heap, error) {
	page := url.URL{Scheme: target.Scheme, Host: target.Host, Path: "/debug/pprof/heap"}
	cfg := Config{Inspect: true, Pprof: PagesBeside(c, &page)}
	if !client.IsLoopback(target.Hostname()) {
		return openSome(ctx, nil, cfg)
	}
	port, err := strconv.Atoi(cmp.Or(target.Port(), map[string]string{"http": "80", "https": "443"}[target.Scheme]))
	if err != nil {
		return nil, err
	}
	info, err := process.Listening(port)
	if err != nil {
		return nil, err
	}
	return openFamily(ctx, info.ID, cfg)
}

// openFamily opens the runtimes of a process and its descendants.
func openFamily(ctx context.Context, root process.ID, cfg Config) (*Heap, error) {
	members, err := process.Family(root)
	if err != nil {
		return nil, err
	}
	return openSome(ctx, members, cfg)
}

// openSome opens the runtimes of processes, of which one at least must have a door.
func openSome(ctx context.Context, members []process.ID, cfg Config) (*Heap, error) {
	h := Open(ctx, members, cfg)
	if h.Known() {
		return h, nil
	}
	var doubts []error
	for _, text := range h.Doubts {
		doubts = append(doubts, errors.New(text))
	}
	return nil, errors.Join(append(doubts, errNoRuntime)...)
}
