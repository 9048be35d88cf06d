package assist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/logs"
	"github.com/mcpdiag/mcpdiag/internal/logs/filter"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/monitor/recording"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Limits on files.
const (
	maxFiles     = 50
	maxLogs      = 4 << 30 // of all files together
	maxProfile   = 512 << 20
	maxRecording = 256 << 20
	maxHeap      = 2 << 30
	heapMemory   = 1 << 30 // for a snapshot of V8
	listedFrames = 60
	listedLogs   = 20
)

// addFileTools adds the tools that read files.
func (s *Server) addFileTools() {
	add(s, spec{
		name: "diff", title: "Compare two snapshots", limit: 150 * time.Second,
		about: "Compare two snapshots or traces of a server: memory, sessions, queues, calls that are new, gone or stuck, and whether a leak is suspected. Each side is an id of snapshot, a file, or an address; one address alone is asked twice.",
	}, s.diff)
	add(s, spec{
		name: "logs", title: "Report on logs", limit: 4 * time.Minute, heavy: true,
		about: "Read logs of an MCP server or its host in any usual format: calls per tool with latency and errors, refused clients, slow requests, errors by fingerprint, rate limits, known faults with their remedy, rates that changed. Secrets are redacted.",
	}, s.logs)
	add(s, spec{
		name: "flame_findings", title: "Where the time goes", limit: 2 * time.Minute, heavy: true,
		about: "Read traces of mcpdiag poll, profiles (pprof, V8, speedscope, perf, folded stacks, OpenTelemetry) and say what stands out: stuck calls, queues, recursion, plateaus, input and output, locks; with the heaviest frames.",
	}, s.flame)
	add(s, spec{
		name: "judge", title: "Judge recorded memory", limit: 2 * time.Minute, heavy: true,
		about: "Judge a recording of memory over time: leak, no leak or undecided, with the growth per hour. It reads CSV of mcpdiag monitor or of scripts (timestamp, rss_mb), psrecord, mprof, logs of kubectl top, docker stats, ps, pidstat, and Prometheus range queries.",
	}, s.judge)
	add(s, spec{
		name: "heap_diff", title: "Compare two heaps", limit: 4 * time.Minute, heavy: true,
		about: "Compare two heap snapshots of Node.js (.heapsnapshot), two sampling profiles (.heapprofile) or two heap profiles of Go (pprof): which objects hold the new ones, which lines allocated them. With one file it lists what holds most memory.",
	}, s.heapDiff)
}

type logsArgs struct {
	Files   []string `json:"files" jsonschema:"files or folders with logs, relative to the folder that was named at the start"`
	Since   string   `json:"since,omitempty" jsonschema:"only entries from this time on: a duration before now such as 2h, or RFC 3339"`
	Until   string   `json:"until,omitempty" jsonschema:"only entries before this time"`
	Where   string   `json:"where,omitempty" jsonschema:"only entries for which this condition is true, such as: level >= warn and tool == \"search\" and duration > 1s"`
	Request string   `json:"request,omitempty" jsonschema:"the id of one request, whose timeline is wanted"`
	Slow    *float64 `json:"slow,omitempty" jsonschema:"a request is slow from this number of seconds on; default 1"`
}

func (s *Server) logs(ctx context.Context, j *job, in logsArgs) (*logs.Result, error) {
	slow, err := seconds("slow", in.Slow, 1, 0.001, 3600)
	if err != nil {
		return nil, err
	}
	o := logs.Options{Input: input.Options{Zone: time.Local}, By: "endpoint", Top: listedLogs, Slow: slow, Request: in.Request}
	if in.Where != "" {
		if o.Where, err = filter.Parse(in.Where); err != nil {
			return nil, err
		}
	}
	if o.Since, err = moment("since", in.Since); err != nil {
		return nil, err
	}
	if o.Until, err = moment("until", in.Until); err != nil {
		return nil, err
	}
	sources, err := s.logFiles(in.Files)
	if err != nil {
		return nil, err
	}
	j.note(0, 0, "reading "+report.Plural(int64(len(sources)), "file"))
	res, err := logs.Run(ctx, sources, o)
	if err != nil {
		return nil, err
	}
	res.Judge(nil)
	return res, nil
}

// logFiles returns the sources that names stand for.
func (s *Server) logFiles(names []string) ([]*input.Source, error) {
	if len(names) == 0 || len(names) > maxFiles {
		return nil, fmt.Errorf("name 1 to %d files or folders", maxFiles)
	}
	for _, name := range names {
		if err := s.files.check(name); err != nil {
			return nil, err
		}
	}
	sources, err := input.FindIn(s.files.path, names)
	if err != nil {
		return nil, fmt.Errorf("%w; names are relative to the folder of --root, and links out of it are not followed", err)
	}
	size := int64(0)
	for _, source := range sources {
		size += source.Size
	}
	if size > maxLogs {
		return nil, fmt.Errorf("these logs have %s, and at most %s are read; name fewer", report.MB(float64(size)/(1<<20)), report.MB(maxLogs/(1<<20)))
	}
	return sources, nil
}

// moment reads a time as logs.ParseMoment does.
func moment(name, text string) (time.Time, error) {
	t, err := logs.ParseMoment(text)
	if err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

type flameArgs struct {
	Files   []string `json:"files" jsonschema:"traces or profiles, relative to the folder that was named at the start; several add up"`
	By      []string `json:"by,omitempty" jsonschema:"first frames of each stack of a trace: target, session, handler"`
	Profile string   `json:"profile,omitempty" jsonschema:"profile to take from a file with several, by name or number"`
	Sample  string   `json:"sample,omitempty" jsonschema:"value to take from a pprof profile with several, such as inuse_space"`
}

func (s *Server) flame(ctx context.Context, j *job, in flameArgs) (*flame.Result, error) {
	if len(in.Files) == 0 || len(in.Files) > maxFiles {
		return nil, fmt.Errorf("name 1 to %d files", maxFiles)
	}
	c := flame.Collector{Options: fold.Options{Stuck: 30 * time.Second}}
	c.Choose.Profile, c.Choose.Sample = in.Profile, in.Sample
	for _, by := range in.By {
		if !slices.Contains([]fold.Dimension{fold.ByTarget, fold.BySession, fold.ByHandler}, fold.Dimension(by)) {
			return nil, fmt.Errorf("by: %q is not one of target, session, handler", by)
		}
		c.Options.By = append(c.Options.By, fold.Dimension(by))
	}
	for i, name := range in.Files {
		j.note(float64(i), float64(len(in.Files)), "reading")
		if err := s.readProfile(ctx, &c, name); err != nil {
			return nil, err
		}
	}
	p, err := c.Profile()
	if err != nil {
		return nil, err
	}
	tree := p.Tree()
	res := p.Result(tree)
	if res.Findings, err = p.Findings(tree); err != nil {
		return nil, err
	}
	if tree.Total() == 0 && tree.BaseTotal() == 0 && len(res.Findings) == 0 {
		return nil, errors.New("no call was in flight while polls followed each other, or no stack has a weight")
	}
	res.AddFrames(tree, listedFrames)
	return res, nil
}

func (s *Server) readProfile(ctx context.Context, c *flame.Collector, name string) error {
	in, err := s.files.open(ctx, name, maxProfile)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	return c.Read(in, name)
}

type judgeArgs struct {
	File    string   `json:"file" jsonschema:"the recording, relative to the folder that was named at the start"`
	Every   *float64 `json:"every,omitempty" jsonschema:"seconds from one reading to the next, for lines without time stamps"`
	LimitMB *float64 `json:"limit_mb,omitempty" jsonschema:"the memory limit in MB, to estimate when it is reached"`
}

func (s *Server) judge(ctx context.Context, _ *job, in judgeArgs) (*monitor.Result, error) {
	every, err := seconds("every", in.Every, 0, 0, 86400)
	if err != nil {
		return nil, err
	}
	o := recording.Options{Every: every}
	if in.LimitMB != nil {
		o.Limit = *in.LimitMB
	}
	f, err := s.files.open(ctx, in.File, maxRecording)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	res, err := recording.Read(f, o)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", in.File, err)
	}
	res.File = in.File
	return res, nil
}

type heapArgs struct {
	Before     string `json:"before" jsonschema:"the older file, relative to the folder that was named at the start"`
	After      string `json:"after,omitempty" jsonschema:"the newer file; without it the first one is described"`
	Operations int    `json:"operations,omitempty" jsonschema:"number of operations between the two, for figures per operation"`
}

func (s *Server) heapDiff(ctx context.Context, _ *job, in heapArgs) (*heap.Result, error) {
	if in.Operations < 0 || in.Operations > 0 && in.After == "" {
		return nil, errors.New("operations is the number of operations between two files")
	}
	var sources []heap.Source
	for _, name := range []string{in.Before, in.After} {
		if name == "" && len(sources) > 0 {
			continue
		}
		sources = append(sources, heap.Source{Name: name, Open: func() (io.ReadCloser, error) { return s.files.open(ctx, name, maxHeap) }})
	}
	res, err := heap.Run(sources, heap.Options{Operations: in.Operations, Memory: heapMemory})
	if _, full := errors.AsType[*graph.MemoryError](err); full {
		return nil, fmt.Errorf("%w, the limit of this tool; on the command line, mcpdiag heap --max-memory sets another one", err)
	}
	return res, err
}
