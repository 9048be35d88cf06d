#!/usr/bin/env python3
"""flame.py MCPDIAG - holds the boxes that mcpdiag draws against two others.

 1. An independent merge of the same folded stacks, written down here in a few
    lines: every box must have the same name, depth, x and width.
 2. flamegraph.pl, where it is installed (FLAMEGRAPH_PL names it), on stacks
    whose names it sorts rightly: it orders whole lines, so a name that is the
    beginning of another one draws their parent twice. Its picture is made very
    wide, for it rounds to tenths of a pixel.

Exit code 0: all are the same. Needs Python 3 and nothing else.
"""
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GENERATOR = HERE.parent / "bench" / "gen_folded.py"
CASES = [
    ["--stacks", "3000", "--shape", "shared"],
    ["--stacks", "1000", "--shape", "bushy", "--count", "frac"],
    ["--stacks", "2000", "--shape", "wide"],
    ["--stacks", "300", "--shape", "mono"],
    ["--stacks", "500", "--shape", "shared", "--count", "frac", "--dmin", "3", "--dmax", "12"],
]


def merged(text):
    """The boxes of folded stacks: {(depth, name, start): width}, rounded."""
    root = [0.0, {}]
    for line in text.splitlines():
        stack, _, weight = line.rpartition(" ")
        node = root
        for name in stack.split(";"):
            node = node[1].setdefault(name, [0.0, {}])
        node[0] += float(weight)
    boxes = []

    def total(node):
        return node[0] + sum(total(n) for n in node[1].values())

    def place(node, name, depth, start):
        boxes.append((depth, name, round(start, 3), round(total(node), 3)))
        start += node[0]
        for child in sorted(node[1], key=str.encode):
            place(node[1][child], child, depth + 1, start)
            start += total(node[1][child])

    sys.setrecursionlimit(10000)
    place(root, "all", 0, 0.0)
    return sorted(boxes)


def ours(mcpdiag, path):
    out = subprocess.run([mcpdiag, "flame", path, "--format", "json"], check=True, capture_output=True).stdout
    return sorted((f["depth"], f["name"], round(f["start"], 3), round(f["total"], 3)) for f in json.loads(out)["frames"])


def theirs(script, path, whole):
    """The boxes of flamegraph.pl: x and width in units of the input."""
    width = 10_000_000
    svg = subprocess.run(["perl", script, "--width", str(width), "--minwidth", "0", path], check=True, capture_output=True, text=True).stdout
    boxes = []
    pattern = r'<title>(.*?) \([^()]*\)</title><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"'
    found = re.findall(pattern, svg)
    bottom = max(float(y) for _, _, y, _ in found)
    for title, x, y, w in found:
        scale = whole / (width - 20)
        boxes.append((round((bottom - float(y)) / 16), html.unescape(title), (float(x) - 10) * scale, float(w) * scale))
    return sorted(boxes)


def same(a, b, slack):
    if len(a) != len(b):
        return f"{len(a)} boxes against {len(b)}"
    for p, q in zip(a, b):
        if p[:2] != q[:2] or abs(p[2] - q[2]) > slack or abs(p[3] - q[3]) > slack:
            return f"{p} against {q}"
    return ""


def find_script():
    for path in (os.environ.get("FLAMEGRAPH_PL"), shutil.which("flamegraph.pl"), "/usr/share/perl5/Devel/NYTProf/flamegraph.pl"):
        if path and os.path.exists(path) and shutil.which("perl"):
            return path
    return None


def main():
    mcpdiag, script, failed = sys.argv[1], find_script(), 0
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            text = subprocess.run([sys.executable, str(GENERATOR), *case], check=True, capture_output=True, text=True).stdout
            path = os.path.join(folder, "stacks.folded")
            pathlib.Path(path).write_text(text)
            fault = same(merged(text), ours(mcpdiag, path), 0.01)
            # Letters only, all of which come after ";", and whole weights.
            plain = re.sub(r"[^A-Za-z_;\n ]", "", re.sub(r"(?m)^(.*) (\d+)(\.\d+)?$", r"\1|\2", text).replace(" ", "_").replace("|", " "))
            plain = "\n".join(f"{a.rpartition(' ')[0]} {b.rpartition(' ')[2].partition('.')[0]}" for a, b in zip(plain.splitlines(), text.splitlines()))
            plain = "\n".join(line for line in plain.splitlines() if not line.endswith(" 0"))
            against = "flamegraph.pl is not installed"
            if not fault and script:
                pathlib.Path(path).write_text(plain + "\n")
                mine = ours(mcpdiag, path)
                whole = mine[0][3]
                fault = same(mine, theirs(script, path, whole), whole / 1e6)
                against = "as flamegraph.pl draws them"
            print("FAIL" if fault else "ok", " ".join(case), fault or f"{len(merged(text))} boxes; {against}")
            failed += bool(fault)
    sys.exit(1 if failed else 0)


main()
