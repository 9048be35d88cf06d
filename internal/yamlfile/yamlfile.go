// Package yamlfile reads YAML files strictly. Unknown and repeated keys are errors,
// and each error names the file, the line and the path of the value. A [Document]
// bounds how many values are read; each use of an alias counts.
package yamlfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxNodes bounds the values of a document, aliases counted each time.
const maxNodes = 100_000

// Document is a YAML file that is being read.
type Document struct {
	Name  string     // for errors
	Root  *yaml.Node // nil if the file is empty
	nodes int
	json  int // bytes of the values that were converted to JSON
}

// Parse parses the first document of a file.
func Parse(data []byte, name string) (*Document, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("reading %s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	d := &Document{Name: name}
	if len(doc.Content) > 0 {
		d.Root = doc.Content[0]
	}
	return d, nil
}

// Errorf returns an error about the value n at path.
func (d *Document) Errorf(n *yaml.Node, path, format string, args ...any) error {
	if path == "" {
		return fmt.Errorf("%s:%d: %w", d.Name, n.Line, fmt.Errorf(format, args...))
	}
	return fmt.Errorf("%s:%d: %s: %w", d.Name, n.Line, path, fmt.Errorf(format, args...))
}

// follow resolves an alias, and counts the value.
func (d *Document) follow(n *yaml.Node, path string) (*yaml.Node, error) {
	if d.nodes++; d.nodes > maxNodes {
		return nil, d.Errorf(n, path, "more than %d values", maxNodes)
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias, nil
	}
	return n, nil
}

// Pairs calls each for the keys and values of a mapping. Keys are plain and unique.
func (d *Document) Pairs(n *yaml.Node, path string, each func(key, value *yaml.Node) error) error {
	n, err := d.follow(n, path)
	if err != nil {
		return err
	}
	if n.Kind != yaml.MappingNode {
		return d.Errorf(n, path, "not a mapping of names to values")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			return d.Errorf(key, Join(path, key.Value), "not a plain name")
		case seen[key.Value]:
			return d.Errorf(key, Join(path, key.Value), "repeated key")
		}
		seen[key.Value] = true
		if err := each(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// Setter stores the value at path.
type Setter func(n *yaml.Node, path string) error

// Field is a key that a mapping may have.
type Field struct {
	Key string
	Set Setter
}

// Fields reads a mapping whose keys are those of fields. Values are set in the order
// of fields, whatever the order of the file.
func (d *Document) Fields(n *yaml.Node, path string, fields []Field) error {
	values := map[string]*yaml.Node{}
	err := d.Pairs(n, path, func(key, value *yaml.Node) error {
		if !slices.ContainsFunc(fields, func(f Field) bool { return f.Key == key.Value }) {
			return d.unknownKey(key, path, fields)
		}
		values[key.Value] = value
		return nil
	})
	for _, f := range fields {
		if value := values[f.Key]; value != nil && err == nil {
			err = f.Set(value, Join(path, f.Key))
		}
	}
	return err
}

func (d *Document) unknownKey(key *yaml.Node, path string, fields []Field) error {
	var names []string
	for _, f := range fields {
		names = append(names, f.Key)
	}
	return d.Errorf(key, Join(path, key.Value), "unknown key%s; known are %s", report.DidYouMean(report.Closest(key.Value, names)), strings.Join(names, ", "))
}

// Join appends a key to a path.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Items calls each for the entries of a list that is not empty.
func (d *Document) Items(n *yaml.Node, path string, each Setter) error {
	n, err := d.follow(n, path)
	if err != nil {
		return err
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return d.Errorf(n, path, "not a list of entries")
	}
	for i, entry := range n.Content {
		if err := each(entry, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

// Scalar returns the text of a plain value.
func (d *Document) Scalar(n *yaml.Node, path string) (string, error) {
	n, err := d.follow(n, path)
	if err != nil {
		return "", err
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return "", d.Errorf(n, path, "not a plain value")
	}
	return n.Value, nil
}

// Value returns a Setter that parses a plain value into dst.
func Value[T any](d *Document, dst *T, parse func(string) (T, error)) Setter {
	return func(n *yaml.Node, path string) error {
		text, err := d.Scalar(n, path)
		if err != nil {
			return err
		}
		if *dst, err = parse(text); err != nil {
			return d.Errorf(n, path, "%w", valueError(text, *dst, err))
		}
		return nil
	}
}

// valueError words an error of package strconv. value has the type that was wanted.
func valueError(text string, value any, err error) error {
	if _, ok := errors.AsType[*strconv.NumError](err); !ok {
		return err
	}
	want := "a whole number"
	switch value.(type) {
	case bool:
		want = "true or false"
	case float64:
		want = "a number"
	}
	return fmt.Errorf("invalid value %q: must be %s", text, want)
}
