// Package logline turns one line of a log into a [Record].
//
// A line is peeled: [Parser.Parse] first removes wrappers (docker, CRI, kubectl,
// compose, stern, journald, syslog, supervisors, the hosts of MCP servers), at most
// four of them, and then reads the program's own text: JSON of any logger,
// logfmt, or one of some forty text formats. Each layer adds the fields that inner
// layers leave empty, so that an inner time or level wins over a wrapper's.
//
// Fields are byte slices that point into the line; they are valid as long as the
// line is. A line that continues the previous
// one (a stack frame, the second line of a .NET record) has Continues set.
//
// Times are returned as written ([Stamp]): a stamp may lack the zone, the year or
// the date. A [Clock] completes the stamps of one stream.
//
// The key aliases, the units of durations and the level numbers are those that the
// loggers document: pino and bunyan, structlog, python-json-logger, log/slog, zap,
// zerolog, logback, the Elastic Common Schema, Google Cloud, OpenTelemetry, .NET.
package logline
