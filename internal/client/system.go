package client

import (
	"errors"
	"slices"
)

// IsRefused reports whether err says that nothing listens at an address.
func IsRefused(err error) bool { return isAny(err, refused()) }

// IsReset reports whether err says that the other side ended a connection without closing it.
func IsReset(err error) bool { return isAny(err, reset()) }

// isAny reports whether err is one of the errors of the system.
func isAny(err error, list []error) bool {
	return slices.ContainsFunc(list, func(target error) bool { return errors.Is(err, target) })
}
