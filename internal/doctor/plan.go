package doctor

// Plan describes the requests that Gather sends, in order, for users who want to
// know before.
func Plan(quick bool) []string {
	plan := []string{
		"look the host up, connect to each address, TLS handshake with each",
		"POST server/discover, initialize, notifications/initialized (3 requests)",
		"POST ping, or server/discover without sessions: 5 times, for the latency",
		"POST initialize and GET at the usual paths, only if nothing is served at this one (at most 5)",
	}
	if quick {
		plan[2] = "POST ping, or server/discover without sessions: twice"
	} else {
		plan = append(plan,
			"POST ping with a foreign Origin, with a foreign Host, and with the Origin of a browser; OPTIONS; POST ping with the other slash (5)",
		)
	}
	return append(plan, "DELETE each session that was opened")
}
