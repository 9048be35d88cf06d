package main

import (
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/heap"
)

// keepFlags say which heaps are stored.
type keepFlags struct {
	dir   string
	scrub bool
}

func (k *keepFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&k.dir, "keep", "", "folder for the heaps that are taken; a snapshot holds every string of its process (default: nothing is stored)")
	fs.BoolVar(&k.scrub, "scrub", false, "with --keep: replace the contents of strings in snapshots by their length")
	paths(fs, "keep")
}

func (k *keepFlags) check() error {
	if k.scrub && k.dir == "" {
		return usagef("--scrub is for the snapshots that --keep stores")
	}
	return nil
}

// keeper returns the folder to store heaps in, nil for none.
func (k *keepFlags) keeper(a *app) *heap.Keep {
	if k.dir == "" {
		return nil
	}
	return &heap.Keep{Dir: k.dir, Scrub: k.scrub, Note: a.note}
}
