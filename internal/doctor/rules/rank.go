package rules

// Rank orders faults by gravity: a lower rank is named first.
type Rank int

// The ranks.
const (
	StopsEntry  Rank = iota // clients do not get in
	StopsUse                // clients get in; requests, logins, streams or tools do not work
	StopsNobody             // a risk, or a breach that few clients notice
)

// RankOf returns the rank of the rule with this id.
func RankOf(id string) Rank {
	switch id {
	case "http.rebinding", "http.cors", "http.slash", "auth.open", "auth.status", "session.id",
		"protocol.versions", "protocol.version_header", "protocol.errors", "protocol.caps", "stdio.exit":
		return StopsNobody
	case "http.compress", "http.latency":
		return StopsUse
	case "limits.hit", "protocol.era", "auth.token_works", "auth.header_mistakes", "stream.oldsse":
		return StopsEntry
	}
	switch Group(id) {
	case "stdio", "network", "http":
		return StopsEntry
	case "exposure", "limits":
		return StopsNobody
	}
	return StopsUse
}
