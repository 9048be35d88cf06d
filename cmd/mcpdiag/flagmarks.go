package main

import (
	"github.com/spf13/pflag"
)

// Marks are annotations of flags, set next to their definitions.
const (
	foundMark = "mcpdiag_found" // an auto-discovered config file may set the flag
	pathMark  = "mcpdiag_path"  // its value names a file or a folder
	groupMark = "mcpdiag_group" // heading in the help
)

// foundMaySet lets an auto-discovered config file set the named flags. A flag
// must not be marked if its value can choose a path, the target of a load or the
// receiver of credentials, open a listener or harm a server.
func foundMaySet(fs *pflag.FlagSet, names ...string) { mark(fs, foundMark, "", names) }

// paths marks the named flags as names of files or folders. No auto-discovered
// config file sets them, whatever other marks they have.
func paths(fs *pflag.FlagSet, names ...string) { mark(fs, pathMark, "", names) }

// group puts the named flags under a heading of the help.
func group(fs *pflag.FlagSet, heading string, names ...string) { mark(fs, groupMark, heading, names) }

func mark(fs *pflag.FlagSet, key, value string, names []string) {
	for _, name := range names {
		if err := fs.SetAnnotation(name, key, []string{value}); err != nil {
			panic(err) // the flag does not exist: a mistake in this package, as a flag that is defined twice is
		}
	}
}

func isMarked(f *pflag.Flag, key string) bool { return f.Annotations[key] != nil }

// mayBeFound reports whether an auto-discovered config file may set f.
func mayBeFound(f *pflag.Flag) bool { return isMarked(f, foundMark) && !isMarked(f, pathMark) }
