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
// the current folder can write it, so it may set neither credentials nor commands.
const localConfig = "mcpdiag.yaml"

var onlyNamedConfig = []string{
	"header", "token-file", "cacert", "cert", "key", "insecure", "gc-url", "gc-signal",
	"listen", "to", "allow-host", "allow-origin", "plan", "read", "compare", "base", "baseline", "judge", "pid", "name",
}

// outputFlags name files that are written.
var outputFlags = []string{"output", "log", "plot", "announce"}

// applyDefaults gives each flag of cmd that is not on the command line its value
// from the environment (MCPDIAG_TOKEN_FILE for --token-file), else from the config file.
func (a *app) applyDefaults(cmd *cobra.Command) error {
	if a.sealed {
		return nil
	}
	if !cmd.Flags().Changed("config") {
		a.config = a.getenv("MCPDIAG_CONFIG")
	}
	file, err := a.readConfig(cmd)
	if err != nil {
		return err
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || f.Name == "help" || f.Name == "config" {
			return
		}
		name := "MCPDIAG_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := a.getenv(name); value != "" {
			if err := f.Value.Set(value); err != nil {
				failed = fmt.Errorf("%s: %w", name, err)
			}
			return
		}
		if node, ok := file.values[f.Name]; ok {
			failed = file.set(f, node)
			a.foundURL = a.foundURL || f.Name == "url" && file.found
		}
	})
	return failed
}

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
	if c.found && slices.Contains(onlyNamedConfig, key.Value) {
		return fmt.Errorf("%s:%d: %s may not be set in a file that was merely found; name the file with --config", c.name, key.Line, key.Value)
	}
	for _, cmd := range commands {
		if cmd.Flags().Lookup(key.Value) != nil || cmd.Root().PersistentFlags().Lookup(key.Value) != nil {
			return nil
		}
	}
	return fmt.Errorf("%s:%d: there is no flag or command %q", c.name, key.Line, key.Value)
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
		if c.found && slices.Contains(outputFlags, f.Name) && v.Value != "-" && !filepath.IsLocal(v.Value) {
			return fmt.Errorf("%s:%d: %s may only name a file below this folder in a file that was merely found", c.name, v.Line, f.Name)
		}
		if err := f.Value.Set(v.Value); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", c.name, v.Line, f.Name, err)
		}
	}
	return nil
}
