package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/process/freeport"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// connect fills in where the server is, and the client to reach it with.
func (l *leaktester) connect(ctx context.Context) error {
	if err := l.choosePort(ctx); err != nil {
		return err
	}
	if l.cfg.Target.Port != 0 && l.conn.url == defaultURL {
		l.conn.url = fmt.Sprintf("http://127.0.0.1:%d%s", l.cfg.Target.Port, mcpPath)
	}
	targets, err := l.conn.targets(nil, mcpPath)
	if err != nil {
		return err
	}
	l.cfg.URL = targets[0]
	if l.snapshot != "off" {
		address := l.snapshot
		if strings.HasPrefix(address, "/") {
			address = targets[0].Scheme + "://" + targets[0].Host + address
		}
		if l.cfg.Snapshot, err = client.ParseTarget(address, snapshotPath); err != nil {
			return usageError{fmt.Errorf("--snapshot: %w", err)}
		}
	}
	if l.cfg.Pprof, err = l.pprofURL(targets[0]); err != nil {
		return err
	}
	if l.gcURL != "" {
		if l.cfg.GCURL, err = client.ParseTarget(l.gcURL, "/"); err != nil {
			return usageError{fmt.Errorf("--gc-url: %w", err)}
		}
	}
	if l.cfg.Client, err = l.conn.open(l.a, targets, l.cfg.Users); err != nil {
		return err
	}
	l.cfg.Repeat = report.RedactArgs(l.cfg.Repeat)
	return nil
}

// pprofURL returns the address of the heap profile, nil for none.
func (l *leaktester) pprofURL(server *url.URL) (*url.URL, error) {
	address := l.pprof
	switch {
	case address == "off" || l.rss:
		return nil, nil
	case strings.HasPrefix(address, "/"):
		if l.cfg.Stdio {
			return nil, nil
		}
		address = server.Scheme + "://" + server.Host + address
	}
	target, err := client.ParseTarget(address, "/debug/pprof/heap")
	if err != nil {
		return nil, usageError{fmt.Errorf("--pprof: %w", err)}
	}
	return target, nil
}

const portMark = "{port}"

// wantPort reports whether a free port is asked for in one of the arguments.
func wantPort(args ...string) bool {
	return slices.ContainsFunc(args, func(arg string) bool { return strings.Contains(arg, portMark) })
}

// choosePort puts a free port in the places of {port}.
func (l *leaktester) choosePort(ctx context.Context) error {
	if !wantPort(l.cfg.Command...) && !wantPort(l.conn.url) {
		return nil
	}
	free, err := freeport.Find(ctx)
	if err != nil {
		return err
	}
	port := strconv.Itoa(free)
	if l.conn.url == defaultURL {
		l.conn.url = "http://127.0.0.1:" + portMark + mcpPath
	}
	l.conn.url = strings.ReplaceAll(l.conn.url, portMark, port)
	for i, arg := range l.cfg.Command {
		l.cfg.Command[i] = strings.ReplaceAll(arg, portMark, port)
	}
	return nil
}
