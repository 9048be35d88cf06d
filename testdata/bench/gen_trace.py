#!/usr/bin/env python3
"""gen_trace.py - deterministic generator of a trace of snapshots, as mcpdiag poll writes it.

  gen_trace.py --megabytes 400 > trace.ndjson

Calls of a few tools come and go, some make other calls. Only the standard
library and random.Random.random() are used, so the bytes are the same everywhere.
"""
import argparse
import random
import sys

TOOLS = ["search", "fetch_page", "generate", "plan", "embed", "sql_query", "read_file", "summarize"]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--megabytes", type=float, required=True)
    a.add_argument("--calls", type=int, default=12, help="calls in flight on average")
    a.add_argument("--seed", type=int, default=1)
    o = a.parse_args()
    r = random.Random(o.seed).random
    at, serial, live, written = 1763700000000, 0, [], 0
    limit = o.megabytes * (1 << 20)
    while written < limit:
        at += 1000 + int(21 * r()) - 10
        live = [c for c in live if r() > 0.2]
        while len(live) < o.calls * (0.5 + r()):
            serial += 1
            parent = live[int(r() * len(live))][0] if live and r() < 0.4 else None
            live.append((serial, TOOLS[int(r() * len(TOOLS))], at, parent))
        known = {c[0] for c in live}
        calls = ",".join(
            '{"id":"c%d","name":"%s","durationMs":%d,"sessionId":"s%d"%s}'
            % (i, name, at - since, i % 7, ',"parentId":"c%d"' % parent if parent in known else "")
            for i, name, since, parent in live
        )
        line = (
            '{"timestamp":%d,"activeSessions":7,"toolCallStack":[%s],"handlerQueue":{"search":%d},"heapUsedMB":%.1f,'
            '"poll":{"at":%d,"target":"http://localhost:3100/debug/snapshot","latencyMs":2.1,"intervalMs":1000}}\n'
            % (at, calls, int(4 * r()), 60 + 4 * r(), at)
        )
        sys.stdout.write(line)
        written += len(line)


main()
