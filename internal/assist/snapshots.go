package assist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/diff"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Document is the snapshot document.
type Document = snapshot.Snapshot

// kept are the last snapshots that were taken, for diff.
type kept struct {
	mu   sync.Mutex
	last int
	all  map[string]*snapshot.Snapshot
}

// maxKept is the number of snapshots that are kept, and maxKeptSize the size of one: a
// larger one gets no id.
const (
	maxKept     = 32
	maxKeptSize = 1 << 20
)

// add keeps a snapshot and returns its id, "" if it is too large.
func (k *kept) add(s *snapshot.Snapshot) string {
	if len(s.Raw) > maxKeptSize {
		return ""
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = map[string]*snapshot.Snapshot{}
	}
	k.last++
	delete(k.all, snapshotID(k.last-maxKept))
	k.all[snapshotID(k.last)] = s
	return snapshotID(k.last)
}

func (k *kept) get(id string) *snapshot.Snapshot {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all[id]
}

func snapshotID(n int) string { return fmt.Sprintf("snapshot-%d", n) }

// forgotten returns an error if a name is that of a snapshot that is not kept any more.
func (k *kept) forgotten(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n := 1; n <= k.last-maxKept; n++ {
		if name == snapshotID(n) {
			return fmt.Errorf("%s is not kept any more, only the last %d snapshots are: take two new ones", name, maxKept)
		}
	}
	return nil
}

// takeSnapshot takes and keeps one snapshot.
func (s *Server) takeSnapshot(ctx context.Context, t *target) (*Snapshot, error) {
	out := &Snapshot{}
	source := &poll.Source{Kind: "auto", Names: poll.DefaultNames()}
	cfg := poll.Config{Targets: []*url.URL{t.url}, Interval: time.Second, Count: 1, Once: true, Source: source}
	res, err := poll.Run(ctx, cfg, t.client, func(e poll.Event) error {
		out.Document = e.Snapshot
		return nil
	})
	if err != nil {
		return nil, err
	}
	if out.Document == nil || out.Document.Failed() {
		return nil, fmt.Errorf("no snapshot of %s was taken", t.url.Host)
	}
	out.Result, out.ID = res, s.kept.add(out.Document)
	return out, nil
}

// Text writes the result of poll and the retained memory.
func (s *Snapshot) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Document.Handlers)) {
		if kept := s.Document.Handlers[name].RetainedMB; kept != nil && *kept > 0 {
			fmt.Fprintf(&b, "retained by %s: %s\n", report.Cell(name, 60), report.MB(*kept))
		}
	}
	if err := s.Result.Text(w, paint); err != nil {
		return err
	}
	kept := "kept as " + s.ID
	if s.ID == "" {
		kept = "too large to be kept for diff"
	}
	_, err := fmt.Fprintf(w, "%s%s\n", b.String(), kept)
	return err
}

type diffArgs struct {
	Before  string   `json:"before" jsonschema:"the older side: an id of snapshot, the file of a snapshot or a trace, or the address of a server"`
	After   string   `json:"after,omitempty" jsonschema:"the newer side, likewise; without it a trace is compared with itself (first and last), and a server is asked twice"`
	Seconds *float64 `json:"seconds,omitempty" jsonschema:"with one address: the time between the two snapshots, 1 to 120; default 20"`
	Only    string   `json:"only,omitempty" jsonschema:"for a trace of several servers: part of the address of the one to compare"`
}

// maxTrace is the size of the largest trace that diff reads.
const maxTrace = 512 << 20

// isAddress reports whether a side of diff is a server.
func isAddress(side string) bool { return strings.Contains(side, "://") }

func (s *Server) diff(ctx context.Context, j *job, in diffArgs) (*diff.Result, error) {
	interval, err := seconds("seconds", in.Seconds, 20, 1, 120)
	if err != nil {
		return nil, err
	}
	if in.After == "" && isAddress(in.Before) {
		return s.diffAround(ctx, j, in.Before, interval)
	}
	var sides [2]diff.Window
	var warnings []string
	if in.After == "" {
		trace, warned, err := s.trace(ctx, in.Before, in.Only)
		if err != nil {
			return nil, err
		}
		if trace.Len() < 2 {
			return nil, errors.New("it holds one snapshot; name a second one to compare it with")
		}
		sides[0], sides[1] = trace.Ends(in.Before)
		return compare(sides, warned), nil
	}
	for i, name := range []string{in.Before, in.After} {
		var warned []string
		if sides[i], warned, err = s.side(ctx, name, in.Only); err != nil {
			return nil, err
		}
		warnings = append(warnings, warned...)
	}
	return compare(sides, warnings), nil
}

func compare(sides [2]diff.Window, warnings []string) *diff.Result {
	res := diff.Compare(sides[0], sides[1], diff.Options{Lenient: true})
	res.Warnings = append(res.Warnings, warnings...)
	return res
}

// side reads one side of a comparison.
func (s *Server) side(ctx context.Context, name, only string) (diff.Window, []string, error) {
	if old := s.kept.get(name); old != nil {
		return diff.One(name, old), nil, nil
	}
	if err := s.kept.forgotten(name); err != nil {
		return diff.Window{}, nil, err
	}
	if isAddress(name) {
		t, err := s.targets.open(ctx, name, snapshotPath)
		if err != nil {
			return diff.Window{}, nil, err
		}
		defer t.close()
		taken, err := t.snapshot(ctx)
		if err != nil {
			return diff.Window{}, nil, err
		}
		return diff.One(taken.Poll.Target, taken), nil, nil
	}
	trace, warnings, err := s.trace(ctx, name, only)
	if err != nil {
		return diff.Window{}, nil, err
	}
	return trace.Window(name), warnings, nil
}

// snapshot takes one snapshot of the target.
func (t *target) snapshot(ctx context.Context) (*snapshot.Snapshot, error) {
	source := &poll.Source{Kind: "auto", Names: poll.DefaultNames(), Collect: true}
	return source.Once(ctx, t.client, t.url)
}

// trace reads the snapshots of one server from a file, while no other heavy work runs: a
// call that only waits between two snapshots holds up nobody.
func (s *Server) trace(ctx context.Context, name, only string) (*diff.Collector, []string, error) {
	end, err := s.gate.alone(ctx, "diff")
	if err != nil {
		return nil, nil, err
	}
	defer end()
	in, err := s.files.open(ctx, name, maxTrace)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close() //nolint:errcheck // only read
	return diff.Read(in, name, only)
}

// diffAround takes two snapshots of one server.
func (s *Server) diffAround(ctx context.Context, j *job, address string, interval time.Duration) (*diff.Result, error) {
	t, err := s.targets.open(ctx, address, snapshotPath)
	if err != nil {
		return nil, err
	}
	defer t.close()
	j.note(0, 0, fmt.Sprintf("taking two snapshots, %s apart", interval))
	before, after, _, err := diff.Around{Wait: interval, Take: t.snapshot}.Run(ctx)
	if err != nil {
		return nil, err
	}
	return compare([2]diff.Window{before, after}, nil), nil
}
