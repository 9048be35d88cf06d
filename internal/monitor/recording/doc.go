// Package recording reads memory that other tools recorded and judges it like the
// samples of package monitor.
//
// Read detects the format: CSV (of mcpdiag or with the same column names), psrecord,
// mprof, a Prometheus range query, or a log of lines. A log of lines comes from
// a shell loop around kubectl top, docker stats, ps, pidstat or cat memory.current: lineReader recognizes each line by its shape or by the last header, with or
// without a time stamp.
package recording
