// Package metrics judges the /metrics page of an MCP server: latency by endpoint,
// error rates, and the figures of its process.
//
// [Run] reads the page twice, or once, and [Judge] judges the difference. A counter that
// fell means that the server restarted: its new value is the difference then. Quantiles come
// with the bounds of their bucket; summaries are shown as the server computed them, since
// they can neither be added up nor subtracted.
package metrics
