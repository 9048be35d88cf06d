//go:build unix

package client

import "syscall"

func refused() []error { return []error{syscall.ECONNREFUSED} }

func reset() []error { return []error{syscall.ECONNRESET, syscall.EPIPE} }
