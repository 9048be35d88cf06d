package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and the commit and its date",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), about())
			return err
		},
	}
}

// about returns the version, the Go release and the system and, of a build from a
// checkout, the commit and its date.
func about() string {
	line := fmt.Sprintf("mcpdiag %s %s %s/%s", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if c := commitOf(buildInfo()); c.hash != "" {
		line += "\n" + c.String()
	}
	return line
}

// buildInfo returns the build settings that Go recorded, which may be none.
func buildInfo() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return &debug.BuildInfo{}
}

// commit is the commit that a binary was built from.
type commit struct {
	hash, date string
	modified   bool // the checkout had changes
}

func commitOf(info *debug.BuildInfo) (c commit) {
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			c.hash = s.Value
		case "vcs.time":
			c.date = s.Value
		case "vcs.modified":
			c.modified = s.Value == "true"
		}
	}
	return c
}

func (c commit) String() string {
	parts := []string{"commit", c.hash}
	if c.date != "" {
		parts = append(parts, "of", c.date)
	}
	if c.modified {
		parts = append(parts, "with changes")
	}
	return strings.Join(parts, " ")
}

// version returns the version of the module, or the commit of the build.
func version() string {
	info := buildInfo()
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	if hash := commitOf(info).hash; hash != "" {
		return "devel-" + hash[:min(len(hash), 12)]
	}
	return "devel"
}
