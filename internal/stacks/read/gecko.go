package read

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// geckoFile is a profile of the Firefox Profiler, as Firefox records it or as
// profiler.firefox.com and samply write it.
type geckoFile struct {
	Meta struct {
		Interval float64 `json:"interval"` // ms
	} `json:"meta"`
	Threads   []geckoThread `json:"threads"`
	Processes []geckoFile   `json:"processes"`
	Shared    geckoThread   `json:"shared"` // tables of all threads, in newer files
}

// geckoThread has tables with named columns; see geckoTable for their two forms.
type geckoThread struct {
	Name        string     `json:"name"`
	ProcessName string     `json:"processName"`
	Samples     geckoTable `json:"samples"`
	StackTable  geckoTable `json:"stackTable"`
	FrameTable  geckoTable `json:"frameTable"`
	FuncTable   geckoTable `json:"funcTable"`
	StringTable []string   `json:"stringTable"`
	StringArray []string   `json:"stringArray"`
}

// geckoTable is a table: Firefox writes a schema with the place of each column and
// rows of data, the web page writes an array for each column.
type geckoTable map[string]json.RawMessage

// column returns the numbers of a column, NaN for those that are null or absent.
func (t geckoTable) column(name string) ([]float64, error) {
	if raw, ok := t[name]; ok && t["schema"] == nil {
		var values []*float64
		if err := json.Unmarshal(raw, &values); err != nil {
			return nil, fmt.Errorf("the column %s: %w", name, err)
		}
		column := make([]float64, len(values))
		for i, v := range values {
			column[i] = math.NaN()
			if v != nil {
				column[i] = *v
			}
		}
		return column, nil
	}
	return t.fromRows(name)
}

func (t geckoTable) fromRows(name string) ([]float64, error) {
	if t["schema"] == nil || t["data"] == nil {
		return nil, nil
	}
	var schema map[string]int
	var rows [][]any
	if err := errors.Join(json.Unmarshal(t["schema"], &schema), json.Unmarshal(t["data"], &rows)); err != nil {
		return nil, err
	}
	place, ok := schema[name]
	if !ok {
		return nil, nil
	}
	column := make([]float64, len(rows))
	for i, row := range rows {
		column[i] = math.NaN()
		if place >= 0 && place < len(row) {
			if v, ok := row[place].(float64); ok {
				column[i] = v
			}
		}
	}
	return column, nil
}

// readGecko reads a profile of the Firefox Profiler, one profile per thread.
func readGecko(data []byte, _ Options) ([]*stacks.Profile, error) {
	var f geckoFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	var list []*stacks.Profile
	for _, process := range append([]geckoFile{f}, f.Processes...) {
		for i := range process.Threads {
			t := &geckoReader{geckoThread: &process.Threads[i], shared: &f.Shared}
			p, err := t.read()
			if err != nil {
				return nil, fmt.Errorf("thread %s: %w", stacks.Printable(t.Name), err)
			}
			if p.Observed > 0 {
				list = append(list, p)
			}
		}
	}
	if len(list) == 0 {
		return nil, errors.New("none of its threads has samples")
	}
	return list, nil
}

// geckoReader reads one thread.
type geckoReader struct {
	*geckoThread
	shared *geckoThread
	p      *stacks.Profile
	names  []string // of the frames
	prefix []float64
	frame  []float64
	places map[int]int32 // in the tree, by index in the stack table
}

func (g *geckoReader) read() (*stacks.Profile, error) {
	g.p = stacks.NewProfile(Gecko, stacks.Samples)
	g.p.Name, g.places = g.Name, map[int]int32{}
	g.borrow()
	columns := map[string][]float64{}
	for _, c := range []struct {
		table geckoTable
		name  string
	}{
		{g.StackTable, "prefix"}, {g.StackTable, "frame"}, {g.FrameTable, "location"}, {g.FrameTable, "func"},
		{g.FuncTable, "name"}, {g.Samples, "stack"}, {g.Samples, "weight"},
	} {
		column, err := c.table.column(c.name)
		if err != nil {
			return nil, err
		}
		columns[c.name] = column
	}
	g.prefix, g.frame = columns["prefix"], columns["frame"]
	g.names = g.frameNames(columns["location"], columns["func"], columns["name"])
	kind := ""
	_ = json.Unmarshal(g.Samples["weightType"], &kind) // absent in older files
	switch kind {
	case "tracing-ms":
		g.p.Unit = stacks.Millis
	case "bytes":
		g.p.Unit = stacks.Bytes
	}
	return g.p, g.add(columns["stack"], columns["weight"])
}

// borrow takes the tables that the thread does not have from those of all threads.
func (g *geckoReader) borrow() {
	for _, t := range []struct{ own, shared *geckoTable }{
		{&g.StackTable, &g.shared.StackTable}, {&g.FrameTable, &g.shared.FrameTable}, {&g.FuncTable, &g.shared.FuncTable},
	} {
		if *t.own == nil {
			*t.own = *t.shared
		}
	}
}

// frameNames resolves the name of each frame: a location, or a function.
func (g *geckoReader) frameNames(location, function, name []float64) []string {
	table := g.StringTable
	for _, other := range [][]string{g.StringArray, g.shared.StringArray, g.shared.StringTable} {
		if len(table) == 0 {
			table = other
		}
	}
	frames := make([]string, max(len(location), len(function)))
	for i := range frames {
		at := value(location, i)
		if len(function) > 0 {
			at = value(name, value(function, i))
		}
		frames[i] = "(unknown)"
		if at >= 0 && at < len(table) {
			frames[i] = table[at]
		}
	}
	return frames
}

// value returns element i of a column as an index, -1 if there is none.
func value(column []float64, i int) int {
	if i < 0 || i >= len(column) || !(column[i] >= 0 && column[i] < math.MaxInt32) {
		return -1
	}
	return int(column[i])
}

func (g *geckoReader) add(stack, weight []float64) error {
	negative := 0
	for i := range stack {
		if n := value(stack, i); n >= len(g.prefix) {
			return fmt.Errorf("sample %d has stack %d, of %d stacks", i, n, len(g.prefix))
		}
		at, err := g.place(value(stack, i))
		if err != nil {
			return err
		}
		w := 1.0
		if i < len(weight) && !math.IsNaN(weight[i]) {
			w = weight[i]
		}
		if w < 0 {
			negative++
			continue
		}
		g.p.Nodes[at].Self += w
		g.p.Observed++
	}
	if negative > 0 {
		g.p.Warn("%s negative and left out: is this a difference, or are these objects that were freed?", stacks.Plural(float64(negative), "weight"))
	}
	g.p.Nodes[stacks.Root].Self = 0 // samples without a stack
	return nil
}

// place returns the place in the tree of a stack. Its prefix stands before it in
// the table.
func (g *geckoReader) place(stack int) (int32, error) {
	var path []int
	at := stacks.Root
	for stack >= 0 {
		if known, ok := g.places[stack]; ok {
			at = known
			break
		}
		path = append(path, stack)
		next := value(g.prefix, stack)
		if next >= stack {
			return 0, fmt.Errorf("stack %d has the prefix %d, which does not stand before it", stack, next)
		}
		stack = next
	}
	for _, stack := range slices.Backward(path) {
		name := "(unknown)"
		if frame := value(g.frame, stack); frame >= 0 && frame < len(g.names) {
			name = g.names[frame]
		}
		at = g.p.Under(at, name)
		g.places[stack] = at
	}
	return at, nil
}
