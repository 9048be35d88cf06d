package input

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Options say how logs are read.
type Options struct {
	Zone    *time.Location // of times without a zone
	Keys    logline.Options
	Workers int           // 0: as many as processors
	Done    *atomic.Int64 // bytes read from the sources, as they are stored; may be nil
	share   int           // how many sources are open side by side
}

// maxOpen is how many sources are merged; more are read one after the other.
const maxOpen = 32

// blockSize is smaller where several sources are open side by side.
func (o Options) blockSize() int { return max(blockSize/8, blockSize/max(1, o.share)) }

func (o Options) workers() int {
	return max(1, cmp.Or(o.Workers, runtime.NumCPU())/max(1, o.share))
}

// Read yields the entries of one source in order.
func Read(ctx context.Context, s *Source, o Options, stats *Stats, yield func(*Entry) error) error {
	r, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	text := io.Reader(r)
	if o.Done != nil {
		text = &counter{r, o.Done}
	}
	if !s.follow {
		if text, err = report.Decode(text, maxWindow); err == nil {
			text, err = refuseDocuments(text)
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", s.Name, err)
		}
	}
	j := &joiner{
		source: s, clock: logline.Clock{Zone: o.Zone, Last: s.Modified}, parser: logline.NewParser(o.Keys),
		streams: map[string]*stream{}, stats: stats, yield: yield,
	}
	err = blocks(ctx, text, o, s.follow, j.block)
	if ctx.Err() != nil {
		return errors.Join(j.flush(), ctx.Err())
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %s: %w", s.Name, errors.Join(err, j.flush()))
	}
	return j.flush()
}

// counter counts the bytes that are read.
type counter struct {
	r    io.Reader
	done *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done.Add(int64(n))
	return n, err
}

// entries is Read as an iterator.
func entries(ctx context.Context, s *Source, o Options, stats *Stats) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		errStop := errors.New("stopped")
		err := Read(ctx, s, o, stats, func(e *Entry) error {
			if !yield(e, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}

// Merge yields the entries of all sources in the order of time; entries without a
// time follow the one before them. With more than maxOpen sources it reads them one
// after the other. Sources that are followed are read side by side, each entry as it
// comes. Of several sources, those that cannot be read are a warning in stats.
func Merge(ctx context.Context, sources []*Source, o Options, stats *Stats, yield func(*Entry) error) error {
	switch {
	case len(sources) == 1:
		err := Read(ctx, sources[0], o, stats, yield)
		if errors.Is(err, io.ErrUnexpectedEOF) && stats.Lines > 0 && ctx.Err() == nil { // the part before counts
			stats.Warnings = append(stats.Warnings, err.Error())
			return nil
		}
		return err
	case slices.ContainsFunc(sources, func(s *Source) bool { return s.follow }):
		return together(ctx, sources, o, stats, yield)
	case len(sources) > maxOpen:
		return inTurn(ctx, sources, o, stats, yield)
	}
	o.share = len(sources)
	heads := make([]*head, 0, len(sources))
	var failed []error
	for _, s := range sources {
		h := &head{}
		h.next, h.stop = iter.Pull2(entries(ctx, s, o, &h.stats))
		defer h.stop()
		if err := h.advance(); err != nil {
			failed = append(failed, err)
			continue
		}
		heads = append(heads, h)
	}
	broken, err := mergeHeads(heads, yield)
	for _, h := range heads {
		h.stop()
		stats.Add(&h.stats)
	}
	return errors.Join(err, stats.unreadable(ctx, append(failed, broken...), len(sources)))
}

// inTurn reads one source after the other.
func inTurn(ctx context.Context, sources []*Source, o Options, stats *Stats, yield func(*Entry) error) error {
	var failed []error
	var refused error // by yield, which ends all
	take := func(e *Entry) error {
		refused = yield(e)
		return refused
	}
	for _, s := range sources {
		if err := Read(ctx, s, o, stats, take); err != nil {
			failed = append(failed, err)
		}
		if refused != nil {
			return refused
		}
		if ctx.Err() != nil {
			break
		}
	}
	return stats.unreadable(ctx, failed, len(sources))
}

// together reads sources that do not end side by side.
func together(ctx context.Context, sources []*Source, o Options, stats *Stats, yield func(*Entry) error) error {
	o.share = len(sources)
	var mu sync.Mutex
	var group sync.WaitGroup
	failed := make([]error, len(sources))
	own := make([]Stats, len(sources))
	for i, s := range sources {
		group.Go(func() {
			failed[i] = Read(ctx, s, o, &own[i], func(e *Entry) error {
				mu.Lock()
				defer mu.Unlock()
				return yield(e)
			})
		})
	}
	group.Wait()
	for i := range own {
		stats.Add(&own[i])
	}
	return errors.Join(failed...)
}

// head is the next entry of one source.
type head struct {
	next  func() (*Entry, error, bool)
	stop  func()
	entry *Entry
	at    int64
	stats Stats
}

func (h *head) advance() error {
	e, err, ok := h.next()
	if err != nil {
		return err
	}
	if h.entry = e; !ok {
		h.entry = nil
		return nil
	}
	if e.Known {
		h.at = max(h.at, e.Nanos)
	}
	return nil
}

// mergeHeads yields the entries of all heads. broken are the errors of sources that broke off.
func mergeHeads(heads []*head, yield func(*Entry) error) (broken []error, err error) {
	open := slices.Clone(heads)
	for {
		open = slices.DeleteFunc(open, func(h *head) bool { return h.entry == nil })
		if len(open) == 0 {
			return broken, nil
		}
		first := slices.MinFunc(open, func(a, b *head) int { return cmp.Compare(a.at, b.at) })
		if err := yield(first.entry); err != nil {
			return broken, err
		}
		if err := first.advance(); err != nil {
			broken, first.entry = append(broken, err), nil
		}
	}
}
