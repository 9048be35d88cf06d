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
	if l.cfg.Snapshot, err = l.page("snapshot", l.snapshot, snapshotPath); err != nil {
		return err
	}
	if !l.rss {
		if l.cfg.Pprof, err = l.page("pprof", l.pprof, pprofPath); err != nil {
			return err
		}
		l.cfg.PprofAsked = l.pprof != pprofPath
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

// page returns the address that a flag gives as a URL, or as a path on the server; nil for none.
func (l *leaktester) page(flag, address, path string) (*url.URL, error) {
	switch {
	case address == "off", strings.HasPrefix(address, "/") && l.cfg.Stdio:
		return nil, nil
	case strings.HasPrefix(address, "/"):
		address = l.cfg.URL.Scheme + "://" + l.cfg.URL.Host + address
	}
	target, err := client.ParseTarget(address, path)
	if err != nil {
		return nil, usageError{fmt.Errorf("--%s: %w", flag, err)}
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
