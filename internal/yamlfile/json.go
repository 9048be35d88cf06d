package yamlfile

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"
)

// Bounds of the values that are converted to JSON: their nesting, and the bytes of all of
// them together. An alias can repeat a long text a hundred thousand times.
const (
	maxDepth = 100
	maxJSON  = 16 << 20
)

// JSON converts the value n to JSON.
func (d *Document) JSON(n *yaml.Node, path string) ([]byte, error) {
	out, err := d.appendJSON(nil, n, path, 0)
	d.json += len(out)
	return out, err
}

func (d *Document) appendJSON(dst []byte, n *yaml.Node, path string, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, d.Errorf(n, path, "nested deeper than %d", maxDepth)
	}
	if d.json+len(dst) > maxJSON {
		return nil, d.Errorf(n, path, "the values have more than %d MiB; are there aliases of long texts?", maxJSON>>20)
	}
	target := n
	if n.Kind == yaml.AliasNode {
		target = n.Alias
	}
	switch target.Kind {
	case yaml.MappingNode:
		return d.appendObject(dst, n, path, depth)
	case yaml.SequenceNode:
		return d.appendArray(dst, n, path, depth)
	case yaml.ScalarNode, yaml.DocumentNode, yaml.AliasNode:
	}
	n, err := d.follow(n, path)
	if err != nil {
		return nil, err
	}
	return d.appendScalar(dst, n, path)
}

func (d *Document) appendObject(dst []byte, n *yaml.Node, path string, depth int) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	err := d.Pairs(n, path, func(key, value *yaml.Node) error {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		var err error
		dst, err = d.appendJSON(append(appendQuoted(dst, key.Value), ':'), value, Join(path, key.Value), depth+1)
		return err
	})
	return append(dst, '}'), err
}

func (d *Document) appendArray(dst []byte, n *yaml.Node, path string, depth int) ([]byte, error) {
	n, err := d.follow(n, path)
	if err != nil {
		return nil, err
	}
	dst = append(dst, '[')
	for i, entry := range n.Content {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = d.appendJSON(dst, entry, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// appendScalar appends a plain value. Numbers that are valid in JSON keep their form.
func (d *Document) appendScalar(dst []byte, n *yaml.Node, path string) ([]byte, error) {
	switch n.ShortTag() {
	case "!!null":
		return append(dst, "null"...), nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, d.Errorf(n, path, "%w", err)
		}
		return fmt.Appendf(dst, "%t", b), nil
	case "!!int", "!!float":
		if v := jsontext.Value(n.Value); v.IsValid() && v.Kind() == '0' {
			return append(dst, n.Value...), nil
		}
		var v float64
		if err := n.Decode(&v); err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, d.Errorf(n, path, "JSON cannot represent the number %q; quote it to send it as text", n.Value)
		}
		number, err := json.Marshal(v)
		return append(dst, number...), err
	}
	return appendQuoted(dst, n.Value), nil
}

// appendQuoted appends text as a JSON string. Invalid UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, text string) []byte {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		quoted, _ = json.Marshal(text)
	}
	return append(dst, quoted...)
}
