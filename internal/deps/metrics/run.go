package metrics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/promtext"
)

// Config describes a run.
type Config struct {
	Target   string        // the address of the page
	Interval time.Duration // between two readings; 0 reads once
	Slow     time.Duration // a 99 % quantile above it is a warning
}

// Run reads the page and judges it.
func Run(ctx context.Context, c *client.Client, cfg Config) (*Result, error) {
	first, err := scrape(ctx, c, cfg.Target)
	if err != nil {
		return nil, err
	}
	if cfg.Interval == 0 {
		return Judge(cfg, nil, first), nil
	}
	select {
	case <-time.After(cfg.Interval):
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the second reading of %s: %w", client.Redact(cfg.Target), ctx.Err())
	}
	second, err := scrape(ctx, c, cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("second reading: %w", err)
	}
	return Judge(cfg, first, second), nil
}

// Scrape is one reading of the page.
type Scrape struct {
	*promtext.Metrics
	At time.Time
}

func scrape(ctx context.Context, c *client.Client, target string) (*Scrape, error) {
	resp, err := c.GetAs(ctx, target, promtext.Accept)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", client.Redact(target), err)
	}
	parse := promtext.Parse
	if strings.HasPrefix(resp.Type, promtext.ProtoType) {
		parse = promtext.ParseProto
	}
	page, err := parse(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", client.Redact(target), err)
	}
	return &Scrape{page, time.Now()}, nil
}
