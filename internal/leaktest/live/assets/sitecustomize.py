# mcpdiag leaktest puts the folder of this file in front of PYTHONPATH of a server that
# it starts. It does nothing until mcpdiag sends a real-time signal: then it traces
# allocations with tracemalloc, collects garbage and writes what lives into a file.
import os
import sys

_FRAMES = 10
_MOST = 5000  # stacks
_asked = 0  # the number of the last question: a signal may come twice for one, also before the answer


def _own(frames):
    """Drop the frames of the standard library at the end: the line is that of their caller."""
    library = os.path.dirname(os.__file__)
    for i in range(len(frames), 0, -1):
        name = frames[i - 1][0]
        if not name.startswith("<frozen") and (not name.startswith(library) or "site-packages" in name):
            return frames[:i]
    return frames


def _traces(traces):
    """Sum the bytes and blocks of each stack. Traces are many, and those of a stack share its frames."""
    blocks = {}
    for trace in traces:
        frames = trace[2]
        sizes = blocks.get(id(frames))
        if sizes is None:
            sizes = blocks[id(frames)] = [frames]
        sizes.append(trace[1])
    stacks = {}
    for frames, *sizes in blocks.values():
        size, count = sum(sizes), len(sizes)
        if any(name == __file__ for name, _ in frames):
            continue
        stack = tuple("%s:%d" % frame for frame in _own(frames[::-1]))  # the outermost first
        before = stacks.get(stack, (0, 0))
        stacks[stack] = (before[0] + size, before[1] + count)
    most = sorted(stacks.items(), key=lambda item: -item[1][0])[:_MOST]
    return [{"stack": stack, "bytes": size, "blocks": count} for stack, (size, count) in most]


def _reply(folder):
    import gc
    import json
    import tracemalloc

    global _asked
    name = os.path.join(folder, str(os.getpid()))
    with open(name + ".ask") as f:
        number, what = f.read().split()
    if int(number) == _asked:
        return
    _asked = int(number)
    if not tracemalloc.is_tracing():
        tracemalloc.start(_FRAMES)
    gc.collect()
    reply = {"tracemalloc": 1, "ask": int(number), "live": tracemalloc.get_traced_memory()[0]}
    if what == "traces":
        reply["traces"] = _traces(tracemalloc._get_traces())  # a Snapshot makes objects of each, which takes four times as long
    with open(name + ".new", "w") as f:
        json.dump(reply, f)
    os.replace(name + ".new", name + ".answer")


def _install():
    folder = os.environ.get("MCPDIAG_HEAP")
    try:
        import signal

        number = signal.SIGRTMIN + 9
        if not folder or signal.getsignal(number) is not signal.SIG_DFL:
            return
    except (ImportError, AttributeError):
        return

    def answer(signum, frame):
        try:
            _reply(folder)
        except Exception:  # mcpdiag says that there was no answer
            pass

    def ready():
        global _asked
        _asked = 0
        try:
            with open(os.path.join(folder, "%d.ready" % os.getpid()), "w") as f:
                f.write(str(int(number)))
        except OSError:
            pass

    signal.signal(number, answer)
    os.register_at_fork(after_in_child=ready)
    ready()


def _hidden():
    """Import the sitecustomize that this one hides."""
    import importlib.machinery
    import importlib.util

    here = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", [p for p in sys.path if os.path.abspath(p) != here])
    if spec and spec.loader:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_install()
_hidden()
