//go:build !linux || race

package client

import "net"

// straight is how Linux reads and writes a TCP connection; elsewhere Go does, and for
// the race detector, which takes what comes over a connection for an order of events.
type straight struct{ net.Conn }

func straightTo(net.Conn) *straight { return nil }

func (*straight) pending() bool { return false }
