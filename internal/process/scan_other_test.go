//go:build !linux

package process

func forceScan(*Tree, bool) {}
