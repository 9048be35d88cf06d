package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// SamplingInterval is the mean number of bytes between two samples of allocations.
const SamplingInterval = 8 << 10

// evaluate runs an expression in the process and decodes its value.
func (s *Session) evaluate(ctx context.Context, expression string, value any) error {
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	params := map[string]any{"expression": expression, "returnByValue": true}
	if err := s.ask(ctx, "Runtime.evaluate", params, &answer); err != nil {
		return err
	}
	if answer.Exception != nil {
		return fmt.Errorf("evaluating %s: the process raised an exception", expression)
	}
	if value == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Result.Value, value); err != nil {
		return fmt.Errorf("evaluating %s: %w", expression, err)
	}
	return nil
}

// PID returns the process's own number.
func (s *Session) PID(ctx context.Context) (pid int, err error) {
	err = s.evaluate(ctx, "process.pid", &pid)
	return pid, err
}

// Usage is the memory of a process, in bytes.
type Usage struct {
	Heap     int64 `json:"heapUsed"` // objects of JavaScript
	External int64 `json:"external"` // memory outside that they hold, buffers included
	RSS      int64 `json:"rss"`
}

// Usage returns the memory in use.
func (s *Session) Usage(ctx context.Context) (u Usage, err error) {
	err = s.evaluate(ctx, "process.memoryUsage()", &u)
	return u, err
}

// Collect collects garbage twice: finalizers run between the two. While an inspector is
// open, V8 keeps the output of the process's console: it is released first.
func (s *Session) Collect(ctx context.Context) error {
	if err := s.call(ctx, "Runtime.discardConsoleEntries", nil, nil); err != nil {
		return err
	}
	for range 2 {
		if err := s.call(ctx, "HeapProfiler.collectGarbage", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Snapshot writes a heap snapshot to w while it streams. The process stops until it
// is complete. reportProgress stays off: it ends Node.js 16 to 18.
func (s *Session) Snapshot(ctx context.Context, w io.Writer) error {
	var failed error
	s.event = func(method string, params json.RawMessage) {
		if method != "HeapProfiler.addHeapSnapshotChunk" || failed != nil {
			return
		}
		var chunk struct {
			Text string `json:"chunk"`
		}
		if failed = json.Unmarshal(params, &chunk); failed == nil {
			_, failed = io.WriteString(w, chunk.Text)
		}
	}
	defer func() { s.event = nil }()
	err := s.call(ctx, "HeapProfiler.takeHeapSnapshot", map[string]any{"reportProgress": false}, nil)
	return errors.Join(err, failed)
}

// StartSampling starts to sample allocations. Objects that are freed leave the profile.
func (s *Session) StartSampling(ctx context.Context) error {
	return s.call(ctx, "HeapProfiler.startSampling", map[string]any{"samplingInterval": SamplingInterval}, nil)
}

// StopSampling returns the profile of the objects that live, as a .heapprofile.
func (s *Session) StopSampling(ctx context.Context) ([]byte, error) {
	var answer struct {
		Profile json.RawMessage `json:"profile"`
	}
	err := s.call(ctx, "HeapProfiler.stopSampling", nil, &answer)
	return answer.Profile, err
}

// CPUProfile records where the process spends its time, as a .cpuprofile, for a
// duration or until ctx ends.
func (s *Session) CPUProfile(ctx context.Context, duration time.Duration) ([]byte, error) {
	for _, method := range []string{"Profiler.enable", "Profiler.start"} {
		if err := s.ask(ctx, method, nil, nil); err != nil {
			return nil, err
		}
	}
	if err := s.recompile(ctx); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	var answer struct {
		Profile json.RawMessage `json:"profile"`
	}
	err := s.call(ctx, "Profiler.stop", nil, &answer)
	return answer.Profile, err
}

// recompile makes V8 discard the code that it optimized, by starting to count calls and
// stopping at once. The profiler does not know the code of a loop that was optimized while
// it ran (on-stack replacement) before the profiler started: without this, the time of the
// loop is that of its caller.
func (s *Session) recompile(ctx context.Context) error {
	for _, method := range []string{"Profiler.startPreciseCoverage", "Profiler.stopPreciseCoverage"} {
		if err := s.call(ctx, method, nil, nil); err != nil {
			return err
		}
	}
	return nil
}
