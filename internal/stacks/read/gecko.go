package read

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	shared, err := f.Shared.columns() // once: there may be hundreds of threads
	if err != nil {
		return nil, err
	}
	var list []*stacks.Profile
	for _, process := range append([]geckoFile{f}, f.Processes...) {
		for i := range process.Threads {
			t := &geckoReader{geckoThread: &process.Threads[i], shared: &f.Shared}
			p, err := t.read(shared)
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

// columns returns the columns of the tables that a thread has.
func (t *geckoThread) columns() (map[string][]float64, error) {
	columns := map[string][]float64{}
	for _, c := range []struct {
		table geckoTable
		name  string
	}{
		{t.StackTable, "prefix"}, {t.StackTable, "frame"}, {t.FrameTable, "location"}, {t.FrameTable, "func"},
		{t.FuncTable, "name"}, {t.Samples, "stack"}, {t.Samples, "weight"},
	} {
		column, err := c.table.column(c.name)
		if err != nil {
			return nil, err
		}
		if column != nil {
			columns[c.name] = column
		}
	}
	return columns, nil
}

// geckoReader reads one thread.
type geckoReader struct {
	*geckoThread
	shared *geckoThread
	p      *stacks.Profile
	column map[string][]float64
	table  []string      // of the names
	places map[int]int32 // in the tree, by index in the stack table
}

// read reads the thread. The columns that it does not have are those of all threads.
func (g *geckoReader) read(shared map[string][]float64) (*stacks.Profile, error) {
	g.p = stacks.NewProfile(Gecko, stacks.Samples)
	g.p.Name, g.places = g.Name, map[int]int32{}
	own, err := g.columns()
	if err != nil {
		return g.p, err
	}
	g.column = maps.Clone(shared)
	maps.Copy(g.column, own)
	for _, table := range [][]string{g.StringTable, g.StringArray, g.shared.StringArray, g.shared.StringTable} {
		if len(g.table) == 0 {
			g.table = table
		}
	}
	kind := ""
	_ = json.Unmarshal(g.Samples["weightType"], &kind) // absent in older files
	switch kind {
	case "tracing-ms":
		g.p.Unit = stacks.Millis
	case "bytes":
		g.p.Unit = stacks.Bytes
	}
	return g.p, g.add(g.column["stack"], g.column["weight"])
}

// name returns the name of a frame: its location, or its function.
func (g *geckoReader) name(frame int) string {
	at := value(g.column["location"], frame)
	if function := g.column["func"]; len(function) > 0 {
		at = value(g.column["name"], value(function, frame))
	}
	if at >= 0 && at < len(g.table) {
		return g.table[at]
	}
	return "(unknown)"
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
		if n := value(stack, i); n >= len(g.column["prefix"]) {
			return fmt.Errorf("sample %d has stack %d, of %d stacks", i, n, len(g.column["prefix"]))
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
		next := value(g.column["prefix"], stack)
		if next >= stack {
			return 0, fmt.Errorf("stack %d has the prefix %d, which does not stand before it", stack, next)
		}
		stack = next
	}
	for _, stack := range slices.Backward(path) {
		at = g.p.Under(at, g.name(value(g.column["frame"], stack)))
		g.places[stack] = at
	}
	return at, nil
}
