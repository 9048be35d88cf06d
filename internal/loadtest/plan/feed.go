package plan

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Feed is a CSV file whose rows are dealt out to the users.
type Feed struct {
	Name    string
	Columns []string
	Rows    [][]string
}

// ParseFeed parses a CSV file whose first row names the columns.
func ParseFeed(name string, data []byte) (*Feed, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	columns, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("empty file: the first row must name the columns")
	}
	if err != nil {
		return nil, err
	}
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("no rows below the names of the columns")
	}
	return &Feed{Name: name, Columns: columns, Rows: rows}, nil
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
