package read

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// callFrame is a place in a program, as V8 writes it.
type callFrame struct {
	FunctionName string `json:"functionName"`
	URL          string `json:"url"`
	LineNumber   int64  `json:"lineNumber"` // from 0
}

// location returns the file and line, which functions of the runtime do not have. Files of
// packages begin at node_modules.
func (f *callFrame) location() string {
	url := strings.TrimPrefix(f.URL, "file://")
	if at := strings.LastIndex(url, "node_modules/"); at >= 0 {
		url = url[at:]
	}
	if f.LineNumber < 0 {
		return url
	}
	return fmt.Sprintf("%s:%d", url, f.LineNumber+1)
}

// v8Names names functions. The location is part of the name if the function has
// no name, if another one has the same, or if it belongs to a package.
type v8Names struct {
	location  map[string]string
	ambiguous map[string]bool
	lines     bool // all names have the location
}

func newV8Names() *v8Names {
	return &v8Names{location: map[string]string{}, ambiguous: map[string]bool{"": true}}
}

func (v *v8Names) see(f *callFrame) {
	if first, ok := v.location[f.FunctionName]; ok && first != f.location() {
		v.ambiguous[f.FunctionName] = true
	}
	v.location[f.FunctionName] = f.location()
}

func (v *v8Names) name(f *callFrame) string {
	name := f.FunctionName
	if name == "" {
		name = "(anonymous)"
	}
	location := f.location()
	if f.URL == "" || !v.lines && !v.ambiguous[f.FunctionName] && !strings.HasPrefix(location, "node_modules/") {
		return name
	}
	return name + " " + location
}

// cpuProfile is a .cpuprofile of V8, as node --cpu-prof and DevTools write it.
type cpuProfile struct {
	Nodes []struct {
		ID        int64     `json:"id"`
		CallFrame callFrame `json:"callFrame"`
		HitCount  float64   `json:"hitCount"`
		Children  []int64   `json:"children"`
		Parent    int64     `json:"parent"` // in profiles of DevTools' performance panel
	} `json:"nodes"`
	StartTime  float64   `json:"startTime"` // µs
	EndTime    float64   `json:"endTime"`
	Samples    []int64   `json:"samples"`
	TimeDeltas []float64 `json:"timeDeltas"`

	title   string // of one profile among several
	parents map[int64]int64
	index   map[int64]int
	names   *v8Names
}

// readCPUProfile reads a CPU profile of V8. timeDeltas[i] is the time before
// sample i; a sample stands for the time until the next one.
func readCPUProfile(data []byte, _ Options) ([]*stacks.Profile, error) {
	var src cpuProfile
	if err := json.Unmarshal(data, &src); err != nil {
		return nil, err
	}
	if len(src.Nodes) == 0 {
		return nil, errors.New("it is a CPU profile of the time before Chrome 58, or without nodes; record it again with a current Node.js or browser")
	}
	p, err := src.profile()
	return []*stacks.Profile{p}, err
}

// profile converts the profile.
func (c *cpuProfile) profile() (*stacks.Profile, error) {
	missing, err := c.link()
	if err != nil {
		return nil, err
	}
	p := stacks.NewProfile(CPUProfile, stacks.Millis)
	if missing > 0 {
		p.Warn("%s below one that does not exist: was the profile written completely?", report.Plural(int64(missing), "node"))
	}
	p.Places = map[string]string{}
	at, err := c.place(p)
	if err != nil {
		return nil, err
	}
	if len(c.Samples) == 0 {
		p.Unit = stacks.Samples
		for i, n := range c.Nodes {
			if hits := math.Max(n.HitCount, 0); hits > 0 {
				p.Nodes[visible(p, at[i])].Self += hits
				p.Observed += hits
			}
		}
		return p, nil
	}
	return p, c.samples(p, at)
}

// link finds the parent of each node. It returns the number of nodes whose parent does
// not exist.
func (c *cpuProfile) link() (missing int, err error) {
	c.parents, c.index, c.names = map[int64]int64{}, map[int64]int{}, newV8Names()
	for i, n := range c.Nodes {
		if _, twice := c.index[n.ID]; twice {
			return 0, fmt.Errorf("node %d occurs twice", n.ID)
		}
		c.index[n.ID] = i
		c.names.see(&c.Nodes[i].CallFrame)
		if n.Parent != 0 {
			c.parents[n.ID] = n.Parent
		}
	}
	for _, n := range c.Nodes {
		if _, ok := c.index[n.Parent]; !ok && n.Parent != 0 {
			missing++
		}
		for _, child := range n.Children {
			if parent, ok := c.parents[child]; ok && parent != n.ID {
				return 0, fmt.Errorf("node %d is a child of two nodes, %d and %d", child, parent, n.ID)
			}
			c.parents[child] = n.ID
		}
	}
	return missing, nil
}

// place returns the place in the tree of each node. The root of V8 is ours.
func (c *cpuProfile) place(p *stacks.Profile) ([]int32, error) {
	at := make([]int32, len(c.Nodes))
	done := make([]bool, len(c.Nodes))
	for i := range c.Nodes {
		var path []int // from node i to the first placed ancestor
		for j, ok := i, true; ok && !done[j]; {
			path = append(path, j)
			if len(path) > len(c.Nodes) {
				return nil, fmt.Errorf("node %d is among its own children", c.Nodes[i].ID)
			}
			var parent int64
			if parent, ok = c.parents[c.Nodes[j].ID]; ok {
				j, ok = c.index[parent]
			}
		}
		for _, k := range slices.Backward(path) {
			n := &c.Nodes[k]
			if name := c.names.name(&n.CallFrame); n.CallFrame.URL != "" && name == n.CallFrame.FunctionName {
				p.Places[name] = n.CallFrame.location()
			}
			if n.CallFrame.FunctionName != "(root)" {
				below := stacks.Root
				parent, ok := c.parents[n.ID]
				if i, exists := c.index[parent]; ok && exists {
					below = at[i]
				}
				at[k] = p.Under(below, c.names.name(&n.CallFrame))
			}
			done[k] = true
		}
	}
	return at, nil
}

// samples adds the time of each sample. Samples may be recorded out of order: a
// negative delta is carried on to the next ones. The garbage collector stands on
// the stack that it interrupted.
func (c *cpuProfile) samples(p *stacks.Profile, at []int32) error {
	if len(c.TimeDeltas) != len(c.Samples) {
		return fmt.Errorf("there are %d samples but %d timeDeltas", len(c.Samples), len(c.TimeDeltas))
	}
	collector := p.ID("(garbage collector)")
	below, debt := stacks.Root, 0.0
	total := 0.0
	for i, id := range c.Samples {
		node, ok := c.index[id]
		if !ok {
			return fmt.Errorf("sample %d is of node %d, which does not exist", i, id)
		}
		total += c.TimeDeltas[i]
		until := c.EndTime - c.StartTime - total // of the last sample
		if i+1 < len(c.Samples) {
			until = c.TimeDeltas[i+1]
		}
		place := at[node]
		switch c.Nodes[node].CallFrame.FunctionName {
		case "(garbage collector)":
			place = p.Child(below, collector)
		case stacks.Idle, "(program)", "(root)":
			below = stacks.Root
		default:
			below = place
		}
		until += debt
		debt = math.Min(until, 0)
		p.Nodes[visible(p, place)].Self += math.Max(until, 0) / 1e3
		p.Observed++
	}
	return nil
}

// heapNode is a node of a .heapprofile of V8.
type heapNode struct {
	CallFrame callFrame  `json:"callFrame"`
	SelfSize  float64    `json:"selfSize"`
	Children  []heapNode `json:"children"`
}

// ignored is a value of any type, which takes no memory.
type ignored struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (ignored) UnmarshalJSON([]byte) error { return nil }

// readHeapProfile reads a sampling heap profile of V8: bytes by allocation site.
func readHeapProfile(data []byte, o Options) ([]*stacks.Profile, error) {
	var src struct {
		Head    *heapNode `json:"head"`
		Samples []ignored `json:"samples"`
	}
	if err := json.Unmarshal(data, &src); err != nil {
		return nil, err
	}
	if src.Head == nil {
		return nil, errors.New("its head is null: there are no functions in it")
	}
	h := heapReader{Profile: stacks.NewProfile(HeapProfile, stacks.Bytes), names: newV8Names()}
	h.names.lines = o.Lines
	h.see(src.Head)
	h.Observed = float64(len(src.Samples))
	err := h.add(stacks.Root, src.Head)
	return []*stacks.Profile{h.Profile}, err
}

// heapReader walks through the nodes of a heap profile. encoding/json bounds their depth.
type heapReader struct {
	*stacks.Profile
	names *v8Names
}

func (h *heapReader) see(n *heapNode) {
	h.names.see(&n.CallFrame)
	for i := range n.Children {
		h.see(&n.Children[i])
	}
}

func (h *heapReader) add(at int32, n *heapNode) error {
	if n.SelfSize < 0 {
		return fmt.Errorf("%s has a negative selfSize", stacks.Printable(h.names.name(&n.CallFrame)))
	}
	if n.SelfSize > 0 {
		h.Nodes[visible(h.Profile, at)].Self += n.SelfSize
	}
	for i := range n.Children {
		child := &n.Children[i]
		if err := h.add(h.Under(at, h.names.name(&child.CallFrame)), child); err != nil {
			return err
		}
	}
	return nil
}
