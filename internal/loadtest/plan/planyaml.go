package plan

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"
)

// setter takes in the value of a key; path says where that is.
type setter func(n *yaml.Node, path string) error

// field is a key that a mapping may have.
type field struct {
	key string
	set setter
}

func (p *planParser) errorf(n *yaml.Node, path, format string, args ...any) error {
	if path == "" {
		return fmt.Errorf("%s:%d: %w", p.name, n.Line, fmt.Errorf(format, args...))
	}
	return fmt.Errorf("%s:%d: %s: %w", p.name, n.Line, path, fmt.Errorf(format, args...))
}

// maxNodes bounds what a plan may hold, each alias counted as what it stands for.
const maxNodes = 100_000

// follow is what n stands for.
func (p *planParser) follow(n *yaml.Node, path string) (*yaml.Node, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, p.errorf(n, path, "the plan holds too much")
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias, nil
	}
	return n, nil
}

// mapping takes in a mapping whose keys are those of fields and no others. The
// fields are set in their own order, whatever the order of the file.
func (p *planParser) mapping(n *yaml.Node, path string, fields []field) error {
	n, err := p.follow(n, path)
	if err != nil {
		return err
	}
	if n.Kind != yaml.MappingNode {
		return p.errorf(n, path, "a mapping is wanted here, of %s", keys(fields))
	}
	values := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if !slices.ContainsFunc(fields, func(f field) bool { return f.key == key.Value }) {
			return p.errorf(key, under(path, key.Value), "there is no such key; there are %s", keys(fields))
		}
		if values[key.Value] != nil {
			return p.errorf(key, under(path, key.Value), "the key is there twice")
		}
		values[key.Value] = n.Content[i+1]
	}
	for _, f := range fields {
		if value := values[f.key]; value != nil {
			if err := f.set(value, under(path, f.key)); err != nil {
				return err
			}
		}
	}
	return nil
}

func keys(fields []field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.key
	}
	return strings.Join(names, ", ")
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// list takes in each entry of a list.
func (p *planParser) list(each setter) setter {
	return func(n *yaml.Node, path string) error {
		n, err := p.follow(n, path)
		if err != nil {
			return err
		}
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
			return p.errorf(n, path, "a list is wanted here, each entry after a dash")
		}
		for i, entry := range n.Content {
			if err := each(entry, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		return nil
	}
}

// scalar takes in a plain value.
func scalar[T any](p *planParser, dst *T, parse func(string) (T, error)) setter {
	return func(n *yaml.Node, path string) error {
		n, err := p.follow(n, path)
		if err != nil {
			return err
		}
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			return p.errorf(n, path, "a plain value is wanted here")
		}
		if *dst, err = parse(n.Value); err != nil {
			return p.errorf(n, path, "%w", err)
		}
		return nil
	}
}

// json appends what n is in JSON.
func (p *planParser) json(dst []byte, n *yaml.Node, path string, depth int) ([]byte, error) {
	n, err := p.follow(n, path)
	if err != nil {
		return nil, err
	}
	if depth > 100 {
		return nil, p.errorf(n, path, "it is nested too deep")
	}
	switch n.Kind {
	case yaml.MappingNode:
		return p.object(dst, n, path, depth)
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, entry := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = p.json(dst, entry, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case yaml.ScalarNode, yaml.DocumentNode, yaml.AliasNode:
	}
	return p.plain(dst, n, path)
}

func (p *planParser) object(dst []byte, n *yaml.Node, path string, depth int) ([]byte, error) {
	dst = append(dst, '{')
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		at := under(path, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			return nil, p.errorf(key, at, "a plain name is wanted here")
		case seen[key.Value]:
			return nil, p.errorf(key, at, "the key is there twice")
		}
		seen[key.Value] = true
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendEscaped(append(dst, '"'), key.Value), `":`...)
		var err error
		if dst, err = p.json(dst, n.Content[i+1], at, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// plain appends a scalar. A number that is one in JSON too stays as it is written.
func (p *planParser) plain(dst []byte, n *yaml.Node, path string) ([]byte, error) {
	switch n.ShortTag() {
	case "!!null":
		return append(dst, "null"...), nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, p.errorf(n, path, "%w", err)
		}
		return fmt.Appendf(dst, "%t", b), nil
	case "!!int", "!!float":
		if isNumber(n.Value) {
			return append(dst, n.Value...), nil
		}
		var v float64
		if err := n.Decode(&v); err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, p.errorf(n, path, "%q is no number that JSON can hold; quote it to send it as text", n.Value)
		}
		number, err := json.Marshal(v)
		return append(dst, number...), err
	}
	return append(appendEscaped(append(dst, '"'), n.Value), '"'), nil
}

// maxFeed bounds a feed file.
const maxFeed = 64 << 20

// feedFiles reads the feeds: names and the CSV files that they stand for.
func (p *planParser) feedFiles(n *yaml.Node, path string) error {
	n, err := p.follow(n, path)
	if err != nil {
		return err
	}
	if n.Kind != yaml.MappingNode {
		return p.errorf(n, path, "a mapping of names to CSV files is wanted here")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, at := n.Content[i], under(path, n.Content[i].Value)
		var file string
		if err := scalar(p, &file, text)(n.Content[i+1], at); err != nil {
			return err
		}
		data, err := p.read(file)
		if err != nil {
			return p.errorf(name, at, "reading %s: %w", file, bare(err))
		}
		feed, err := ParseFeed(name.Value, data)
		if err != nil {
			return p.errorf(name, at, "%s: %w", file, err)
		}
		p.feeds = append(p.feeds, feed)
	}
	return nil
}

// ParseFeed reads a CSV file whose first row names the columns.
func ParseFeed(name string, data []byte) (*Feed, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	columns, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty; its first row names the columns")
	}
	if err != nil {
		return nil, err
	}
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("it has no rows beneath the names of the columns")
	}
	return &Feed{Name: name, Columns: columns, Rows: rows}, nil
}

// ParseArgs reads the arguments of a call: a JSON object, in which templates may stand.
func ParseArgs(data []byte) (Template, error) {
	v := jsontext.Value(bytes.TrimSpace(data))
	if !v.IsValid() || v.Kind() != '{' {
		return Template{}, errors.New(`it is not a JSON object such as {"query": "leak"}`)
	}
	return ParseTemplate(v, nil)
}
