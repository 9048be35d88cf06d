//go:build unix

package proxy

import (
	"net"
	"syscall"
)

// canLook says whether isOpen can tell.
const canLook = true

// isOpen reports whether an idle connection is still open and silent, without waiting.
func isOpen(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, err := syscall.Read(int(fd), b[:]) //nolint:gosec // it is one
		open = err == syscall.EAGAIN
		return true
	})
	return err == nil && open
}
