package stacks

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Hot is where a server spent its CPU time under load.
type Hot struct {
	Functions []HotFunction `json:"functions"` // those with the most time of their own first
	Findings  []string      `json:"findings,omitempty"`
	Picture   []byte        `json:"-"` // flame graph, SVG
}

// HotFunction is a function with the share of the time that it spent itself, without
// the functions that it called.
type HotFunction struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// Line returns the hottest function in a sentence.
func (h *Hot) Line() string {
	return fmt.Sprintf("%.0f %% of the CPU time was spent in %s", 100*h.Functions[0].Share, report.Cell(h.Functions[0].Name, maxHotName))
}

const maxHotName = 120 // columns

// Page adds a section to a page, without the picture.
func (h *Hot) Page(page *report.Page) {
	page.Heading("CPU of the server under load")
	var rows [][]string
	for _, f := range h.Functions {
		rows = append(rows, []string{report.Cell(f.Name, maxHotName), fmt.Sprintf("%.1f %%", 100*f.Share)})
	}
	page.Table(map[int]bool{1: true}, []string{"function", "own time"}, rows, nil)
	if len(h.Findings) > 0 {
		page.List(report.Plain, h.Findings...)
	}
}
