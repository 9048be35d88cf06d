//go:build !linux

package client

import "net"

// straight is how Linux reads and writes a TCP connection; elsewhere, Go does.
type straight struct{ net.Conn }

func straightTo(net.Conn) *straight { return nil }

func (*straight) pending() bool { return false }
