package trend

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Round is the reading after one round of identical operations, when the server was idle.
type Round struct {
	Number     int
	Operations float64 // since the start
	MB         float64 // RSS of the process tree
	LiveMB     float64 // live heap after a collection; 0 if it was not read
	Processes  int     // in the tree; 0 if it was not counted
}

// The columns of a file of rounds. Other columns are ignored.
const (
	columnRound     = "round"
	columnOps       = "ops_total"
	columnTree      = "rss_tree_kb"
	columnLive      = "live_kb"
	columnProcesses = "nproc"
)

// Bounds of a file of rounds.
const (
	maxRounds = 100_000
	maxBytes  = 64 << 20
)

// ReadRounds reads recorded settled readings: CSV with the columns ops_total and
// rss_tree_kb, and optionally round, live_kb and nproc. It skips incomplete rows and names
// them in the warnings.
func ReadRounds(r io.Reader) (rounds []Round, warnings []string, err error) {
	data, err := report.ReadAtMost(report.SkipByteOrderMark(r), maxBytes) // a line may have no end
	if err != nil {
		return nil, nil, err
	}
	in := csv.NewReader(bytes.NewReader(data))
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("no header line: %w", err)
	}
	column := columnsOf(header)
	for _, name := range []string{columnOps, columnTree} {
		if column(name) < 0 {
			return nil, nil, fmt.Errorf("no column %s; a file of rounds has %s and %s", name, columnOps, columnTree)
		}
	}
	for len(rounds) < maxRounds {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rounds, warnings, nil
		}
		if err != nil {
			return nil, nil, err
		}
		round, ok := roundOf(row, column)
		if !ok {
			line, _ := in.FieldPos(0)
			warnings = warn(warnings, fmt.Sprintf("line %d: a number is missing; skipped", line))
			continue
		}
		rounds = append(rounds, round)
	}
	return rounds, append(warnings, fmt.Sprintf("only the first %d rounds were read", maxRounds)), nil
}

func columnsOf(header []string) func(name string) int {
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = strings.TrimSpace(name)
	}
	return func(name string) int { return slices.Index(names, name) }
}

func roundOf(row []string, column func(string) int) (Round, bool) {
	ops, okOps := cell(row, column(columnOps))
	kb, okKB := cell(row, column(columnTree))
	number, _ := cell(row, column(columnRound))
	live, _ := cell(row, column(columnLive))
	processes, _ := cell(row, column(columnProcesses))
	return Round{Number: int(number), Operations: ops, MB: kb / 1024, LiveMB: live / 1024, Processes: int(processes)}, okOps && okKB
}

// cell parses a cell. Numbers are not negative and below 1e18.
func cell(row []string, i int) (float64, bool) {
	if i < 0 || i >= len(row) {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(row[i]), 64)
	return v, err == nil && v >= 0 && v < 1e18
}

const maxWarnings = 20

func warn(warnings []string, text string) []string {
	if len(warnings) < maxWarnings {
		return append(warnings, text)
	}
	return warnings
}

// JudgeRounds judges rounds: by the live heap if all of them have it. Processes that accumulate are a leak without any
// statistics: a count has no noise.
func JudgeRounds(rounds []Round) Judgement {
	known := len(rounds) > 0
	live, memory, processes := make([]Point, len(rounds)), make([]Point, len(rounds)), make([]Point, len(rounds))
	for i, r := range rounds {
		memory[i], live[i] = Point{r.Operations, r.MB}, Point{r.Operations, r.LiveMB}
		known = known && r.LiveMB > 0
		processes[i] = Point{r.Operations, float64(r.Processes)}
	}
	j := Judge(memory)
	if known {
		j = JudgeLive(live)
	}
	if grown, ok := Accumulates(processes, 0); ok {
		reason := Reason{Code: Processes, Leak: true, Text: fmt.Sprintf("%.0f more processes after the warm-up, and none ended", grown)}
		if j.Verdict != Leak {
			j.Verdict, j.Reasons = Leak, nil
		}
		j.Reasons = append([]Reason{reason}, j.Reasons...)
	}
	return j
}

// JudgeFile reads rounds and judges them.
func JudgeFile(r io.Reader) (Judgement, error) {
	rounds, warnings, err := ReadRounds(r)
	if err != nil {
		return Judgement{}, err
	}
	j := JudgeRounds(rounds)
	j.Warnings = warnings
	return j, nil
}
