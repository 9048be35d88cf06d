package client

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// Sockets of Windows have error numbers of their own. The system never returns syscall.ECONNREFUSED
// and the like, which Go defines there.

func refused() []error {
	return []error{windows.WSAECONNREFUSED, windows.ERROR_CONNECTION_REFUSED, syscall.ECONNREFUSED}
}

func reset() []error {
	return []error{
		windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.ERROR_NETNAME_DELETED, // sockets
		windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA, // pipes
		syscall.ECONNRESET, syscall.EPIPE,
	}
}
