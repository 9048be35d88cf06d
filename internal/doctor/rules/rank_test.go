package rules

import (
	"strings"
	"testing"
)

// TestRanks pins what the fault of each rule stops, which decides the fault that the headline
// names.
func TestRanks(t *testing.T) {
	t.Parallel()
	got := map[Rank][]string{}
	for _, r := range Table() {
		if r.Fails {
			got[RankOf(r.ID)] = append(got[RankOf(r.ID)], r.ID)
		}
	}
	for rank, want := range map[Rank]string{
		StopsEntry: "stdio.start stdio.stdout stdio.silent stdio.big network.dns network.tcp network.tls network.alpn limits.hit http.answer http.redirect http.waf http.gateway " +
			"http.host http.accept http.path http.content_type http.status http.coldstart auth.header_mistakes auth.token_works protocol.era stream.oldsse",
		StopsUse: "http.compress http.latency auth.challenge auth.prm_open auth.prm_location auth.prm_resource auth.prm_servers auth.as_metadata auth.issuer auth.pkce auth.endpoints auth.jwks " +
			"stream.sse_format session.header_lost session.affinity session.unknown session.delete protocol.initialized protocol.ids stream.headers stream.get stream.beside stream.reconnect stream.buffered " +
			"tools.list tools.pagination tools.schema tools.names tools.call behaviour.cancel_modern behaviour.cancel_legacy also.reach",
		StopsNobody: "http.rebinding auth.open auth.status session.id protocol.versions protocol.version_header protocol.errors protocol.caps " +
			"exposure.debug",
	} {
		if list := strings.Join(got[rank], " "); list != want {
			t.Errorf("rank %d: %s", rank, list)
		}
	}
}
