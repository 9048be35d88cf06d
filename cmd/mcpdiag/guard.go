package main

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// guarded is a writer that redacts secrets, also when they are split across writes.
type guarded struct {
	w    io.Writer
	a    *app
	lost error // the first error of w, since cobra ignores errors of its output

	mu   sync.Mutex
	held []byte // the last bytes written, which may begin a secret
}

func (a *app) guard(w io.Writer) *guarded { return &guarded{w: w, a: a} }

// Write holds back the possible beginning of a secret until the next write or Flush.
// Secrets contain no line breaks, so complete lines pass at once.
func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := p
	if len(g.held) > 0 {
		all = slices.Concat(g.held, p)
	}
	end := g.whole(all)
	err := g.pass(all[:end])
	g.held = bytes.Clone(all[end:])
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes the bytes held back.
func (g *guarded) Flush() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := g.held
	g.held = nil
	return g.pass(held)
}

// whole returns the number of bytes of p that can pass: the rest may begin a secret,
// and no secret spans the cut.
func (g *guarded) whole(p []byte) int {
	end := len(p)
	for _, secret := range g.a.secrets {
		for n := min(len(secret)-1, len(p)); n > len(p)-end; n-- {
			if bytes.HasSuffix(p, []byte(secret[:n])) {
				end = len(p) - n
			}
		}
	}
	for moved := true; moved; {
		moved = false
		for _, secret := range g.a.secrets {
			from := max(0, end-len(secret)+1)
			if at := bytes.Index(p[from:min(len(p), end+len(secret)-1)], []byte(secret)); at >= 0 && from+at < end {
				end, moved = from+at, true
			}
		}
	}
	return end
}

func (g *guarded) pass(p []byte) error {
	for _, secret := range g.a.secrets {
		p = bytes.ReplaceAll(p, []byte(secret), []byte("REDACTED"))
	}
	if len(p) == 0 {
		return nil
	}
	_, err := g.w.Write(p)
	if err != nil && g.lost == nil {
		g.lost = report.Cause(err)
	}
	return err
}
