package gather

import (
	"context"
	"net/http"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// opened notes the session that an answer opened. The first one stays in use; each
// other one is ended at once.
func (g *gatherer) opened(ctx context.Context, to, id string) {
	switch {
	case id == "":
		return
	case id == g.session && g.f.Session != nil:
		g.f.Session.Shared = true // it is still in use
		return
	}
	g.f.Sessions++
	if id == g.session {
		g.f.Session = &facts.SessionID{Length: len(id), Visible: isVisible(id)}
		return
	}
	g.f.Session.Sequential = g.f.Session.Sequential || follows(g.session, id)
	g.end(ctx, "end of another session", to, id)
}

// isVisible reports whether id consists of visible ASCII characters.
func isVisible(id string) bool {
	for _, c := range []byte(id) {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return true
}

// follows reports whether two session ids are numbers close to each other.
func follows(a, b string) bool {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	return errX == nil && errY == nil && y > x && y-x < 1000
}

// leave ends the session in use.
func (g *gatherer) leave(ctx context.Context) {
	if g.session != "" {
		g.end(ctx, "delete", g.sessionURL, g.session)
		if x := g.f.First("delete"); x.OK() && !g.Quick && !g.f.NeedsToken() {
			g.send(ctx, g.cheap("after delete"))
		}
	}
}

// end ends a session, also where the budget or the time is used up.
func (g *gatherer) end(ctx context.Context, probe, to, id string) {
	r := request{probe: probe, verb: http.MethodDelete, url: to, header: map[string]string{facts.SessionHeader: id}, timeout: endTime, late: true}
	if version := g.f.First("initialize").Message.Handshake().Version; version >= "2025-06-18" {
		r.header[facts.VersionHeader] = version
	}
	if x, _ := g.exchange(context.WithoutCancel(ctx), r); x.Status != 0 {
		g.f.Ended++
	}
}
