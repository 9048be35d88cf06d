// Package proxy passes MCP traffic between clients and a server and derives
// from it the snapshot document that the server itself does not serve.
//
// A [Proxy] is an http.Handler. It answers /debug/snapshot, /metrics and
// /health itself and hands every other request to its forwarder, which copies
// it to the server and the response back. For a server on standard input and
// output, [Proxy.Wrap] starts the server and copies the two streams instead.
//
// Traffic is observed, and changed only where the server names its own address,
// which would lead clients past the proxy (address.go, endpoint.go). Each HTTP
// request has an exchange, a server on stdio has one pipe; both feed the bytes of
// either direction to a scanner, which finds the few members of JSON-RPC messages that matter
// without decoding or holding the rest. The events of a stream are split by an
// eventScanner first, and compressed responses are unpacked on the side by an
// inflater. Each message that is found updates the tracker.
//
// The tracker holds all state under one lock: the session table, the requests
// in flight, the counters of each tool, and the meter, which holds the
// histograms of /metrics. Everything that a client or a server can choose has a
// bound there; values beyond it are counted as overflow. A [Document] is the
// state at one moment.
//
// Observing never ends or stalls the traffic: every function that reads bytes
// from outside recovers from panics and counts them as faults.
//
// The other types support these: [Guard] refuses requests that a web page could
// forge, admissionQueue holds tool calls back beyond a limit, [Process] reads
// the memory of the server's process, and the orphan prober asks the server
// whether it still holds sessions whose client has gone silent.
package proxy
