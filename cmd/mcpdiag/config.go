package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// localConfig is read where no --config names a file. Whoever can write into
// the current folder can write it.
const localConfig = "mcpdiag.yaml"

// foundMaySet are the flags that a config file which nobody named may set: none
// gives credentials or says who gets them, names a file that is read, opens a
// listener, picks a process or does harm to a server.
var foundMaySet = slices.Concat([]string{
	"color", "quiet", "verbose", "format", "url", "timeout", "max-body",
	"interval", "count", "duration", "fail-after", "alert", "until-alert", "source", "metric", "restart-wait", "match",
	"threshold", "wait", "settle", "target",
	"weight", "by", "parallel", "from", "reverse", "focus", "ignore", "hide", "fold-recursion", "icicle", "flamechart", "max-frames",
	"palette", "cut", "title", "normalize", "findings", "stuck", "sample",
	"users", "calls", "rounds", "delay", "ramp-up", "think", "burst", "session", "end", "warmup", "rate", "arrivals", "protocol", "transport",
	"shared", "connections", "tool", "args", "resource", "prompt", "seed", "schema", "check", "respect-retry-after", "dry-run",
	"fail", "fail-on", "abort-on-fail", "grace", "find-knee", "max-users", "slo", "step", "tolerance",
	"attribute", "factors", "expiry", "max-time", "max-memory", "ready-timeout", "stabilize", "snapshot", "budget",
	"idle", "max-in-flight", "json", "service-time", "session-timeout", "slow-queue", "workers",
}, writingFlags)

// writingFlags name files that are written: a found file may name them below this folder only.
var writingFlags = []string{"output", "log", "plot", "announce"}

// configFile holds the values that a config file has for one command.
type configFile struct {
	name   string
	found  bool // in the current folder: nobody named it
	values map[string]*yaml.Node
}

// readConfig reads the file's top level, whose keys are flags, and the section
// named like the command, whose keys override them. A key that no command knows is an error.
func (a *app) readConfig(cmd *cobra.Command) (configFile, error) {
	name := a.config
	if name == "" {
		name = localConfig
	}
	data, err := os.ReadFile(name)
	switch {
	case a.config == "" && errors.Is(err, fs.ErrNotExist):
		return configFile{}, nil
	case err != nil:
		return configFile{}, fmt.Errorf("reading config: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return configFile{}, fmt.Errorf("reading config %s: %w", name, err)
	}
	file := configFile{name: name, found: a.config == "", values: map[string]*yaml.Node{}}
	if len(doc.Content) == 0 {
		return file, nil
	}
	return file, file.collect(cmd, doc.Content[0])
}

func (c *configFile) collect(cmd *cobra.Command, top *yaml.Node) error {
	return c.pairs(top, func(key, value *yaml.Node) error {
		section, _, err := cmd.Root().Find([]string{key.Value})
		if err != nil || section == cmd.Root() {
			return c.keep(cmd.Root().Commands(), cmd, key, value)
		}
		return c.pairs(value, func(key, value *yaml.Node) error {
			if section != cmd {
				return c.known([]*cobra.Command{section}, key)
			}
			return c.keep([]*cobra.Command{section}, cmd, key, value)
		})
	})
}

func (c *configFile) keep(knowing []*cobra.Command, cmd *cobra.Command, key, value *yaml.Node) error {
	if err := c.known(knowing, key); err != nil {
		return err
	}
	section := len(knowing) == 1 && knowing[0] == cmd
	if _, ok := c.values[key.Value]; !ok || section {
		c.values[key.Value] = value
	}
	return nil
}

// known fails for a key that is no flag of any of the commands, or that this file may not set.
func (c *configFile) known(commands []*cobra.Command, key *yaml.Node) error {
	isFlag := slices.ContainsFunc(commands, func(cmd *cobra.Command) bool {
		return cmd.Flags().Lookup(key.Value) != nil || cmd.Root().PersistentFlags().Lookup(key.Value) != nil
	})
	switch {
	case !isFlag:
		return fmt.Errorf("%s:%d: there is no flag or command %q", c.name, key.Line, key.Value)
	case c.found && !slices.Contains(foundMaySet, key.Value):
		return fmt.Errorf("%s:%d: %s may not be set in a file that was merely found; name the file with --config", c.name, key.Line, key.Value)
	}
	return nil
}

func (c *configFile) pairs(node *yaml.Node, each func(key, value *yaml.Node) error) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: a mapping of flags to values is wanted here", c.name, node.Line)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if err := each(node.Content[i], node.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// set gives f the value of node; a list sets a flag that can be repeated once for each entry.
func (c *configFile) set(f *pflag.Flag, node *yaml.Node) error {
	values := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		values = node.Content
	}
	for _, v := range values {
		if v.Kind != yaml.ScalarNode {
			return fmt.Errorf("%s:%d: %s wants a plain value", c.name, v.Line, f.Name)
		}
		if c.found && strings.HasPrefix(v.Value, "@") {
			return fmt.Errorf("%s:%d: %s may not name a file in a file that was merely found; name the file with --config", c.name, v.Line, f.Name)
		}
		if c.found && slices.Contains(writingFlags, f.Name) && v.Value != "-" && !filepath.IsLocal(v.Value) {
			return fmt.Errorf("%s:%d: %s may only name a file below this folder in a file that was merely found", c.name, v.Line, f.Name)
		}
		if err := f.Value.Set(v.Value); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", c.name, v.Line, f.Name, err)
		}
	}
	return nil
}
