// Package spans makes stacks of recorded spans: distributed traces (OpenTelemetry's
// OTLP in JSON and Protocol Buffers, the JSON of Jaeger and Zipkin) and Chrome trace events.
//
// Each format becomes a list of [Span]; [Profile] nests them by parent and gives
// each the time in which none of its children ran.
package spans
