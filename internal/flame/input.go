package flame

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

// Collector reads inputs of any kind, which it recognizes by their content, and
// merges them into one profile.
type Collector struct {
	Options fold.Options
	Choose  read.Options // among the profiles and values of one file

	folder   *fold.Folder
	profiles []*Profile
	warnings []string
}

// Read reads one input, which errors and warnings call name.
func (c *Collector) Read(r io.Reader, name string) error {
	in, err := read.Open(r, name)
	if err != nil {
		return err
	}
	if in.Format == read.Document && isSnapshot(in.Members) {
		return c.trace(in)
	}
	p, err := in.Profile(c.Choose)
	if err != nil {
		return err
	}
	c.profiles = append(c.profiles, &Profile{Profile: p, Inputs: []string{name}})
	return nil
}

// isSnapshot reports whether a document has a member of a snapshot. A timestamp, which it
// has too, is in many documents.
func isSnapshot(members []string) bool {
	return slices.ContainsFunc(members, func(name string) bool {
		return slices.Contains([]string{"toolCallStack", "poll", "activeSessions", "handlerQueue", "heapUsedMB"}, name)
	})
}

// trace folds a trace, or a file with one snapshot.
func (c *Collector) trace(in *read.Input) error {
	if c.folder == nil {
		c.folder = fold.NewFolder(c.Options)
	}
	c.folder.Next()
	var r io.Reader = in
	if in.Whole {
		r = oneLine(in)
	}
	reader := snapshot.NewReader(r, in.Name)
	for s, err := range reader.All() {
		if err != nil {
			return err
		}
		c.folder.Add(s)
	}
	c.warnings = append(c.warnings, reader.Warnings...)
	return nil
}

// maxDocument bounds a document of several lines together with the bytes after it.
const maxDocument = 64 << 20

// oneLine returns a document of several lines as a single one. Package read has
// seen that it ends within the first MiB.
func oneLine(in io.Reader) io.Reader {
	data, err := io.ReadAll(io.LimitReader(in, maxDocument)) // the bytes after it may have no end
	value := jsontext.Value(data)
	if err == nil && value.Compact(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) == nil {
		data = value
	}
	return bytes.NewReader(data)
}

// Profile merges the inputs. The Collector cannot be used after it.
func (c *Collector) Profile() (*Profile, error) {
	profiles := c.profiles
	if c.folder != nil {
		r := c.folder.Close()
		profiles = append([]*Profile{{Profile: r.Profile, Watch: r.Watch, Calls: r.Calls, Dims: r.Dims}}, profiles...)
	}
	if len(profiles) == 0 {
		return nil, errors.New("there is nothing to draw")
	}
	p := profiles[0]
	for _, w := range c.warnings {
		p.Warn("%s", w)
	}
	for _, other := range profiles[1:] {
		if err := p.join(other); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// join adds another profile to p. Weights of different units have no sum.
func (p *Profile) join(other *Profile) error {
	if p.Unit != other.Unit {
		return fmt.Errorf("one input counts %s and %s %s: they cannot be added up; draw one picture of each", p.Unit, other.Inputs[0], other.Unit)
	}
	p.Join(other.Profile)
	p.Inputs = append(p.Inputs, other.Inputs...)
	return nil
}

// Compare compares p with base. With normalize the base weighs
// as much as p, which shows how the shares moved. Two profiles of different units
// have only shares to compare.
func (p *Profile) Compare(base *Profile, normalize bool) error {
	if p.Unit != base.Unit && !normalize {
		return fmt.Errorf("the profile counts %s and its base %s: they cannot be compared; --normalize compares the shares", p.Unit, base.Unit)
	}
	for _, w := range base.Warnings {
		p.Warn("base: %s", w)
	}
	scale := 1.0
	if normalize {
		scale = stacks.Share(p.Weight(), base.Weight())
	}
	for i := range p.Nodes {
		p.Nodes[i].Base = 0
	}
	p.MergeFunc(base.Builder, func(n stacks.Node) stacks.Node {
		return stacks.Node{Parent: n.Parent, Name: n.Name, Base: n.Self * scale}
	})
	p.TwoColumns, p.Base = true, base.Inputs
	return nil
}

// Normalize gives the base that came with the stacks the weight of the stacks.
func (p *Profile) Normalize() {
	base := 0.0
	for i := range p.Nodes {
		base += p.Nodes[i].Base
	}
	scale := stacks.Share(p.Weight(), base)
	for i := range p.Nodes {
		p.Nodes[i].Base *= scale
	}
}
