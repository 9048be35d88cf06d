// Package logs answers questions about the logs of an MCP server and of its hosts:
// which tools fail and how often, which requests are slow, which clients were
// refused and why, how a request went, and which errors are new.
//
// [Run] reads the entries of package input once and hands each to the parts of a
// collector, one per report: calls, sessions, refusals, slow requests, error rates,
// errors by fingerprint, database errors, rate limits, templates, signatures and
// changes of rates (package anomaly). [Result] holds their findings and is the JSON.
//
// Every table is bounded; further names are counted under "(others)". Secrets are
// removed and session identifiers are replaced by short hashes when results are made.
package logs
