package snapshot

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
)

// blockSize is how much of a trace one processor takes at a time.
const blockSize = 1 << 19

// A job is some lines of a trace, and what is read from them.
type job struct {
	data    []byte
	line    int   // the number of the first
	err     error // after the last of them
	long    int   // the number of the line after them that was too long, or 0
	arena   arena
	results []result
	done    chan struct{}
}

// result is what a line holds: a snapshot, or an error.
type result struct {
	s    *Snapshot
	line int
	err  error
}

// AllParallel is All for long traces: the lines are read on all processors. It
// reads ahead, so it is not for a trace that someone waits for line by line.
// A snapshot has no Raw, and is the caller's until the next one; its strings stay.
func (r *Reader) AllParallel() iter.Seq2[*Snapshot, error] {
	return func(yield func(*Snapshot, error) bool) {
		var first error
		for first == nil && r.Read == 0 { // it decides whether there is one snapshot on several lines
			more, err := r.step(&first, yield)
			if err != nil {
				r.finish(err, first, yield)
			}
			if !more || err != nil {
				return
			}
		}
		stop := make(chan struct{})
		defer close(stop)
		for j := range r.jobs(stop) {
			<-j.done
			if !r.results(j, yield) {
				return
			}
			if j.err != nil {
				r.finish(j.err, first, yield)
				return
			}
			r.free <- j
		}
	}
}

// results yields what a job has read, and returns whether yield wants more.
func (r *Reader) results(j *job, yield func(*Snapshot, error) bool) bool {
	for _, res := range j.results {
		if res.err != nil {
			_ = r.skip(res.line, res.err) // it is counted; the trace holds snapshots besides
		} else if !r.take(res.s, yield) {
			return false
		}
	}
	if j.long > 0 {
		_ = r.skip(j.long, errLong)
	}
	return true
}

// skip counts a line that could not be read, and returns why.
func (r *Reader) skip(line int, err error) error {
	err = fmt.Errorf("reading trace %s:%d: %w", r.name, line, err)
	r.Skipped++
	r.warn(err.Error() + "; line skipped")
	return err
}

// take counts a snapshot and hands it on.
func (r *Reader) take(s *Snapshot, yield func(*Snapshot, error) bool) bool {
	r.Read++
	for _, w := range s.Warnings {
		r.warn(r.name + ": " + w)
	}
	return yield(s, nil)
}

// jobs cuts the rest of the trace into jobs, in order, which workers do.
func (r *Reader) jobs(stop <-chan struct{}) <-chan *job {
	workers := runtime.GOMAXPROCS(0)
	many := 2*workers + 2
	ordered, work := make(chan *job, many), make(chan *job) // there is room for all, so that nobody waits who is not needed
	r.free = make(chan *job, many)
	for range many {
		r.free <- &job{data: make([]byte, 0, blockSize), done: make(chan struct{}, 1)}
	}
	for range workers {
		go func() {
			var dec careful
			for j := range work {
				j.read(&dec)
			}
		}()
	}
	go func() {
		defer close(work)
		defer close(ordered)
		for {
			select {
			case j := <-r.free:
				r.cut(j)
				ordered <- j
				work <- j
				if j.err != nil {
					return
				}
			case <-stop:
				return
			}
		}
	}()
	return ordered
}

// cut takes whole lines off the trace, and of one that does not end whole
// documents; with the last of them comes io.EOF.
func (r *Reader) cut(j *job) {
	j.data, j.line, j.long, j.err = j.data[:0], 0, 0, nil
	for len(j.data) < blockSize && j.err == nil && j.long == 0 {
		line, err := r.next()
		if j.line == 0 {
			j.line = r.line
		}
		j.data = append(j.data, line...)
		if errors.Is(err, errLong) {
			j.long = r.line
		} else {
			j.err = err
		}
	}
}

func (j *job) read(dec *careful) {
	dec.quick.arena = j.arena
	dec.quick.reset()
	j.results = j.results[:0]
	text := string(j.data) // one piece, of which all strings are parts
	for line := j.line; text != ""; line++ {
		end := strings.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		j.parse(dec, text[:end], line)
		text = text[end:]
	}
	j.arena = dec.quick.arena
	j.done <- struct{}{}
}

// parse reads the documents on a line, of which there is mostly one.
func (j *job) parse(dec *careful, text string, line int) {
	for more := false; strings.TrimSpace(text) != ""; more = true {
		rest := ""
		if more {
			text, rest = cutFirst(text)
		}
		s, err := dec.text(text)
		if err != nil && !more {
			if text, rest = cutFirst(text); rest != "" {
				s, err = dec.text(text)
			}
		}
		j.results = append(j.results, result{s, line, err})
		text = rest
	}
}
