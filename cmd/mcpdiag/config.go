package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/yamlfile"
)

// localConfig is read if --config names no file. Whoever can write into the
// current folder can write it, so it may set harmless flags only.
const localConfig = "mcpdiag.yaml"

// maxConfig bounds the size of a config file.
const maxConfig = 1 << 20

// configFile holds the values that a config file has for one command.
type configFile struct {
	name   string
	found  bool // auto-discovered in the current folder
	doc    *yamlfile.Document
	values map[string]*yaml.Node
}

// readConfig reads the values for cmd from the file that --config names, or
// from localConfig if it exists.
func (a *app) readConfig(cmd *cobra.Command) (configFile, error) {
	file := configFile{name: a.config, found: a.config == ""}
	if file.found {
		file.name = localConfig
	}
	var data []byte
	var err error
	if file.found {
		data, err = report.ReadIn(".", file.name, maxConfig) // a link in a cloned repository may lead anywhere
	} else {
		data, err = report.Read(a.ctx, file.name, maxConfig)
	}
	switch {
	case file.found && errors.Is(err, fs.ErrNotExist):
		return configFile{}, nil
	case err != nil:
		return configFile{}, err
	}
	return file, file.parse(cmd, data)
}

// parse collects the values for cmd: the top level has flags, and a section
// named like the command has flags that override them. Unknown keys are errors.
func (c *configFile) parse(cmd *cobra.Command, data []byte) error {
	c.values = map[string]*yaml.Node{}
	var err error
	if c.doc, err = yamlfile.Parse(data, c.name); err != nil || c.doc.Root == nil {
		return err
	}
	root := cmd.Root()
	sections := map[string]*yaml.Node{}
	err = c.doc.Pairs(c.doc.Root, "", func(key, value *yaml.Node) error {
		if section, _, err := root.Find([]string{key.Value}); err == nil && section != root {
			sections[section.Name()] = value
			return nil
		}
		return c.keep(root.Commands(), cmd, key, value)
	})
	for _, section := range root.Commands() {
		if values := sections[section.Name()]; err == nil && values != nil {
			err = c.doc.Pairs(values, section.Name(), func(key, value *yaml.Node) error {
				return c.keep([]*cobra.Command{section}, cmd, key, value)
			})
		}
	}
	return err
}

// keep keeps the value of a flag that one of the sections has, for cmd if it is one of them.
func (c *configFile) keep(sections []*cobra.Command, cmd *cobra.Command, key, value *yaml.Node) error {
	var flags []*pflag.Flag
	for _, section := range sections {
		f := flagOf(section, key.Value)
		if f != nil {
			flags = append(flags, f)
		}
		if f != nil && section == cmd {
			c.values[key.Value] = value
			flags = []*pflag.Flag{f}
			break
		}
	}
	switch {
	case len(flags) == 0:
		return c.unknown(cmd, key, len(sections) > 1)
	case c.found && !slices.ContainsFunc(flags, mayBeFound):
		return c.untrusted(key.Line, key.Value)
	}
	return nil
}

func flagOf(cmd *cobra.Command, name string) *pflag.Flag {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f
	}
	return cmd.Root().PersistentFlags().Lookup(name)
}

// unknown is the error of a key that is neither a flag nor, at the top, a command.
func (c *configFile) unknown(cmd *cobra.Command, key *yaml.Node, top bool) error {
	names := flagNames(cmd)
	hint := report.DidYouMean(report.Closest(key.Value, names))
	if top { // "pol" is nearer to "poll" than to "url"
		hint = report.DidYouMean(cmp.Or(suggestion(cmd.Root(), key.Value), report.Closest(key.Value, names)))
	}
	return fmt.Errorf("%s:%d: there is no flag or command %q%s", c.name, key.Line, key.Value, hint)
}

// untrusted is the error of a setting that an auto-discovered file may not make.
func (c *configFile) untrusted(line int, setting string) error {
	return fmt.Errorf("%s:%d: %s: cannot be set in an auto-discovered %[1]s; pass --config %[1]s to trust it", c.name, line, setting)
}

// set gives f the value of node; a list sets a flag that can be repeated once for each entry.
func (c *configFile) set(f *pflag.Flag, node *yaml.Node) error {
	values := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		values = node.Content
	}
	for _, v := range values {
		text, err := c.doc.Scalar(v, f.Name)
		if err != nil {
			return err
		}
		if c.found && strings.HasPrefix(text, "@") {
			return c.untrusted(v.Line, f.Name+", read from a file")
		}
		if err := f.Value.Set(text); err != nil {
			return c.doc.Errorf(v, f.Name, "%w", valueError(f, text, err))
		}
	}
	return nil
}

// applyDefaults sets each flag of cmd that is not on the command line from the
// environment (MCPDIAG_TOKEN_FILE for --token-file), else from the config file.
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
	a.preset = map[string]bool{}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || f.Name == "help" || f.Name == "config" {
			return
		}
		name := "MCPDIAG_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := a.getenv(name); value != "" {
			a.preset[f.Name] = true
			if err := f.Value.Set(value); err != nil {
				failed = fmt.Errorf("%s: %w", name, valueError(f, value, err))
			}
			return
		}
		if node, ok := file.values[f.Name]; ok {
			a.preset[f.Name] = true
			failed = file.set(f, node)
			a.foundURL = a.foundURL || f.Name == "url" && file.found
		}
	})
	return failed
}

// given reports whether the flag was set: on the command line, in the environment
// or in a config file. cmd.Flags().Changed covers the command line alone.
func (a *app) given(cmd *cobra.Command, flag string) bool {
	return a.preset[flag] || cmd.Flags().Changed(flag)
}
