package logs

import (
	"cmp"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// ErrorRow is one error, by its fingerprint.
type ErrorRow struct {
	Fingerprint string    `json:"fingerprint"`
	Title       string    `json:"title"`
	Count       int64     `json:"count"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Fatal       bool      `json:"fatal,omitempty"`
	Place       string    `json:"place"` // source and offset of the first
	Requests    []string  `json:"requests,omitempty"`
}

// maxExamples is how many request identifiers an error keeps.
const maxExamples = 3

// errorTable groups errors.
type errorTable struct{ rows tally[errorCount] }

type errorCount struct {
	occurrences

	title    string
	fatal    bool
	place    string // of the first
	requests []string
}

func (t *errorTable) add(e *input.Entry) (id string) {
	id, title := fingerprint(e)
	row := t.rows.row([]byte(id))
	if row.count == 0 {
		row.title, row.place = cmp.Or(title, "(no text)"), place(e)
	}
	row.add(e)
	row.fatal = row.fatal || e.Level == logline.Fatal
	if len(e.Request) > 0 && len(row.requests) < maxExamples {
		row.requests = append(row.requests, text(e.Request))
	}
	return id
}

func (t *errorTable) result() []ErrorRow {
	rows := []ErrorRow{}
	for id, c := range t.rows.sorted(func(a, b *errorCount) int { return cmp.Compare(b.count, a.count) }) {
		rows = append(rows, ErrorRow{
			Fingerprint: id, Title: c.title, Count: c.count, First: timeOf(c.first), Last: timeOf(c.last), Fatal: c.fatal,
			Place: c.place, Requests: c.requests,
		})
	}
	return rows
}
