package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/flame"
)

// record records the CPU profile of a running process.
func (f *flamer) record(ctx context.Context) (*flame.Profile, error) {
	take := f.recordNode
	if f.chosen == "url" {
		take = f.recordGo
	}
	data, name, err := take(ctx)
	if err != nil {
		return nil, err
	}
	c, err := f.collector()
	if err != nil {
		return nil, err
	}
	if err := c.Read(bytes.NewReader(data), name); err != nil {
		return nil, err
	}
	return c.Profile()
}

// recordNode records a process of Node.js through its inspector.
func (f *flamer) recordNode(ctx context.Context) (data []byte, name string, err error) {
	s, name, done, err := f.running.session(ctx, f.a)
	if err != nil {
		return nil, "", err
	}
	defer done()
	defer f.a.countdown("recording "+name, f.duration)()
	data, err = s.CPUProfile(ctx, f.duration)
	return data, name, err
}

// recordGo asks a Go server for its profile, which takes whole seconds.
func (f *flamer) recordGo(ctx context.Context) (data []byte, name string, err error) {
	seconds := max(1, math.Ceil(f.duration.Seconds()))
	f.running.conn.timeout += f.duration
	target, c, err := f.running.pprof(f.a, "/debug/pprof/profile", "seconds", fmt.Sprint(seconds))
	if err != nil {
		return nil, "", err
	}
	name = client.RedactURL(target)
	defer f.a.countdown("recording "+name, time.Duration(seconds)*time.Second)()
	data, err = getProfile(ctx, c, target)
	return data, name, err
}
