package leaktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// writeLoad writes load.json: the operations, failures and rounds of each phase.
func (r *Result) writeLoad(w io.Writer) error {
	type phase struct {
		ID         string            `json:"id"`
		Does       string            `json:"does"`
		Operations int64             `json:"operations"`
		Failed     int64             `json:"failed"`
		Refused    int64             `json:"refused"`
		Errors     map[string]string `json:"errors,omitempty"`
		Rounds     []judge.Round     `json:"rounds"`
	}
	all := []phase{}
	for _, p := range r.Phases {
		all = append(all, phase{p.ID, p.Does, p.Operations, p.Failed, p.Refused, p.Errors, p.Rounds})
	}
	return report.WriteJSON(w, map[string]any{"schema": Schema, "phases": all})
}

// writeRounds writes the settled readings as a file that --judge reads.
func writeRounds(w io.Writer, p *judge.Phase) error {
	var b strings.Builder
	b.WriteString("round,ops_total,rss_root_kb,rss_tree_kb,live_kb,nproc,fds,sockets,sessions,heap_mb,failed,p50_ms,p99_ms\n")
	known := p.LiveKnown()
	for _, r := range p.Rounds {
		if !known {
			r.LiveMB = nil // that of a part does not decide
		}
		fmt.Fprintf(&b, "%d,%d,%.0f,%.0f,%s,%d,%s,%s,%s,%s,%d,", r.Number, r.Operations, r.RootMB*1024, r.TreeMB*1024, kilobytes(r.LiveMB), r.Processes,
			optional(r.Files), optional(r.Sockets), optional(r.Sessions), optional(r.HeapMB), r.Failed)
		if r.Latency != nil {
			fmt.Fprintf(&b, "%.3f,%.3f", r.Latency.P50, r.Latency.P99)
		} else {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// optional formats a cell, empty for an absent figure.
func optional(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// kilobytes formats a cell in KB, empty for an absent figure.
func kilobytes(mb *float64) string {
	if mb == nil {
		return ""
	}
	return strconv.FormatFloat(*mb*1024, 'f', 1, 64)
}

// loadLog writes a line per round.
type loadLog struct{ w io.Writer }

func (l *loadLog) round(p *judge.Phase, r *judge.Round, b *load.Batch) {
	var line strings.Builder
	fmt.Fprintf(&line, "%s %s round %d: %d operations in %.2f s, %d failed", time.Now().Format(time.RFC3339), p.ID, r.Number, b.Done, b.Took.Seconds(), b.Failed)
	if r.Latency != nil {
		fmt.Fprintf(&line, ", p50 %.2f ms, p99 %.2f ms", r.Latency.P50, r.Latency.P99)
	}
	for kind, example := range b.Errors {
		fmt.Fprintf(&line, "; %s: %s", kind, report.Cell(example, 200))
	}
	_, _ = fmt.Fprintln(l.w, line.String()) // the result has it too
}

// maxVerdict bounds a verdict that is read.
const maxVerdict = 64 << 20

// Load reads the result of a run from its folder, or from the file itself, until ctx ends.
// The folder may come from others: no link in it leads out of it.
func Load(ctx context.Context, path string) (*Result, error) {
	var data []byte
	var err error
	if info, failed := os.Stat(path); failed == nil && info.IsDir() {
		data, err = report.ReadIn(path, VerdictFile, maxVerdict)
		path = filepath.Join(path, VerdictFile)
	} else {
		data, err = report.Read(ctx, path, maxVerdict)
	}
	if err != nil {
		return nil, err
	}
	r, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return r, nil
}

func decode(data []byte) (*Result, error) {
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("not a verdict of mcpdiag leaktest, or one of another version (schema %q, want %q)", report.Cell(r.Schema, 40), Schema)
	}
	r.Phases = slices.DeleteFunc(r.Phases, func(p *judge.Phase) bool { return p == nil })
	return &r, nil
}

// Remake writes the report and its picture again from a saved result.
func Remake(dir string, res *Result) error {
	o := &folder{dir: dir}
	return errors.Join(
		o.write(pictureFile, res.picture().WriteSVG),
		o.write(ReportFile, func(w io.Writer) error { return res.HTML(w, dir) }))
}
