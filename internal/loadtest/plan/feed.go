package plan

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Feed is a CSV file whose rows are dealt out to the users.
type Feed struct {
	Name    string
	Columns []string
	Rows    [][]string
}

// openFeed opens a feed in the folder of its plan. A hidden file is refused, also behind a
// symbolic link: .git/config and .env hold credentials, and a feed goes to a server.
func openFeed(folder, name string) (*os.File, error) {
	f, err := report.OpenIn(folder, name)
	if err != nil {
		return nil, err
	}
	hidden, err := isHidden(folder, name)
	if hidden {
		err = fmt.Errorf("reading %s: hidden files may hold credentials, and a feed goes to the server", filepath.Join(folder, name))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// isHidden reports whether the file that name leads to, or a folder between, has a name
// that begins with a dot.
func isHidden(folder, name string) (bool, error) {
	base, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return false, err
	}
	file, err := filepath.EvalSymlinks(filepath.Join(folder, name))
	if err != nil {
		return false, err
	}
	inside, err := filepath.Rel(base, file)
	return strings.HasPrefix(inside, ".") || strings.Contains(filepath.ToSlash(inside), "/."), err
}

// parseFeed parses a CSV file of at most limit cells, whose first row names the columns.
func parseFeed(name string, data []byte, limit int) (*Feed, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	columns, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("empty file: the first row must name the columns")
	}
	if err != nil {
		return nil, err
	}
	feed := &Feed{Name: name, Columns: columns}
	for {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF) && len(feed.Rows) == 0:
			return nil, errors.New("no rows below the names of the columns")
		case errors.Is(err, io.EOF):
			return feed, nil
		case err != nil:
			return nil, err
		}
		if limit -= len(row); limit < 0 {
			return nil, fmt.Errorf("the feeds of a plan have more than %d cells together", maxCells)
		}
		feed.Rows = append(feed.Rows, row)
	}
}

// value returns the cell for a call. Users take rows in turn without coordination.
func (f *Feed) value(v *Vars, column int) string {
	row := (v.Iter*int64(max(v.Users, 1)) + int64(v.User)) % int64(len(f.Rows))
	return f.Rows[row][column]
}

// ParseArgs parses the arguments of a call: a JSON object whose strings may be templates.
func ParseArgs(data []byte) (Template, error) {
	v := jsontext.Value(bytes.TrimSpace(data))
	if !v.IsValid() || v.Kind() != '{' {
		return Template{}, errors.New(`not a JSON object such as {"query": "leak"}`)
	}
	return ParseTemplate(v, nil)
}
