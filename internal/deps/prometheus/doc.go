// Package prometheus judges a Prometheus server that watches an MCP server: targets that
// are down, rules that fail, alerts that fire, and the latencies and error ratios that it
// has recorded.
//
// [Check] asks for the paths in [Paths] and sends nothing else. Where there is no data it
// says so: no data is not 0.
package prometheus
