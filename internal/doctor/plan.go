package doctor

// Plan describes the requests of Gather in their order.
func Plan(quick bool) []string {
	plan := []string{
		"look the host up, connect to each address, TLS handshake with each",
		"POST server/discover, initialize, notifications/initialized (3 requests)",
		"POST ping, or server/discover without sessions: 5 times, two of them with unusual ids, for the latency",
		"POST tools/list to its last page (at most 20), prompts/list, resources/list, the first page of tools again",
		"POST initialize and GET at the usual paths, only if nothing is served at this one (at most 5)",
	}
	if quick {
		plan[2] = "POST ping, or server/discover without sessions: twice"
	} else {
		plan = append(plan,
			"POST ping on 5 new connections, and with the id of a session that does not exist (6)",
			"POST an unknown method, broken JSON, ping with other version headers, initialize with a future version, a batch (6, and 2 for 2026-07-28)",
			"GET the event stream for a second with a POST ping meanwhile, and GET it again (3, or at most 6)",
			"POST subscriptions/listen, left after its first message (1, or 2 where none comes; only 2026-07-28)",
			"POST ping with a foreign Origin, with a foreign Host, and with the Origin of a browser; OPTIONS; POST ping with the other slash (5)",
			"only if a token is wanted: POST initialize and tools/list without a token, initialize with an invalid one; GET the metadata of the resource and of its authorization servers, their keys and the login page, from public addresses (at most 11)",
			"GET /health (or /healthz, /ready), /metrics, /debug/pprof/, /debug/vars, /debug/snapshot, without credentials (5 to 7)",
		)
	}
	if !quick {
		plan = append(plan,
			"POST ping on the connection of the first pings, on which nothing was sent since (1)",
			"only with --slow-tool: POST tools/call up to five times, 5 pings meanwhile, notifications/cancelled; GET /debug/snapshot (at most 26)",
			"only with --deep: GET the event stream for 130 s; POST ping on a connection that is then watched for 75 s; POST initialize with 3 older revisions, and 20 times more; GET /debug/snapshot twice (at most 53)",
			"only with --burst N: POST ping N times at once")
	}
	plan = append(plan, "the same request again, only if the server closed a connection that was used before (at most 5)")
	return append(plan, "DELETE each session that was opened, and one request after it")
}
