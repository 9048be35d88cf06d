package heaptest

import (
	"fmt"
	"strings"
)

// byHeap is the answer of flame to formats without stacks.
const byHeap = `!"mcpdiag heap" reads it`

func tracemallocs() []Case {
	doc := func(traces string) string { return `{"tracemalloc": 1, "traces": [` + traces + `]}` }
	trace := func(stack, bytes, blocks string) string {
		return `{"stack": [` + stack + `], "bytes": ` + bytes + `, "blocks": ` + blocks + `}`
	}
	good := trace(`"/srv/my app/main.py:1", "/srv/store.py:7"`, "20480", "20")
	frames := strings.TrimSuffix(strings.Repeat(`"/srv/main.py:1",`, 201), ",")
	return cases([]row{
		{"good.tracemalloc.json", doc(good), "/srv/store.py:7  /srv/my app/main.py:1", byHeap},
		{"cut.tracemalloc.json", doc(good)[:70], "!the file is cut off: its JSON ends early, after 70 bytes", byHeap},
		{"same-stacks.tracemalloc.json", doc(good + "," + good), "40 KB of live memory", byHeap},
		{"localized.tracemalloc.json", doc(trace(`"a.py:1"`, `"20.480"`, "1")), "!traces.bytes at byte 69: a string where another type", byHeap},
		{"localized-plain.tracemalloc.json", doc(trace(`"a.py:1"`, `20,480`, "1")), "!it begins as JSON does, but byte 65", "!"},
		{"fraction.tracemalloc.json", doc(trace(`"a.py:1"`, `20.48`, "1")), "!traces.bytes at byte 66: a number 20.48", byHeap},
		{"negative.tracemalloc.json", doc(trace(`"a.py:1"`, `-1`, "1")), "!trace 0 has -1 bytes in 1 blocks", byHeap},
		{"overflow.tracemalloc.json", doc(trace(`"a.py:1"`, `9223372036854775807`, "1") + "," + trace(`"a.py:1"`, `1`, "1")), "!trace 0 has 9223372036854775807 bytes", byHeap},
		{"too-large.tracemalloc.json", doc(trace(`"a.py:1"`, `92233720368547758070`, "1")), "!traces.bytes at byte 81: a number 92233720368547758070", byHeap},
		{"no-stack.tracemalloc.json", doc(trace("", `1`, "1")), "!trace 0 has 0 frames", byHeap},
		{"numbers.tracemalloc.json", doc(trace("7", `1`, "1")), "!traces.stack", byHeap},
		{"frames.tracemalloc.json", doc(trace(frames, `1`, "1")), "!trace 0 has 201 frames", byHeap},
		{"no-traces.tracemalloc.json", doc(""), "!it has no traces", byHeap},
		{"object.tracemalloc.json", `{"tracemalloc": 1, "traces": {"a": 1}}`, "!traces at byte 30: an object where", byHeap},
	})
}

func largeTexts() []Case {
	doc := func(traces string) string { return `{"tracemalloc": 1, "traces": [` + traces + `]}` }
	return cases([]row{
		{"many.tracemalloc.json", doc("{}" + strings.Repeat(",{}", 3_000_000)), "!fewer than 12 bytes each", byHeap},
		{"many-frames.tracemalloc.json", doc(`{"stack":["a"` + strings.Repeat(`,""`, 4_000_000) + `]}`), "!a stack has 4000001 frames", byHeap},
		{"long-frame.tracemalloc.json", doc(`{"stack": ["` + strings.Repeat("long", 1<<20) + `.py:1"], "bytes": 100, "blocks": 1}`), "100 B", byHeap},
	})
}

func histograms() []Case {
	const head = " num     #instances         #bytes  class name (module)\n-------------------------------------------------------\n"
	line := func(n int, count, bytes, class string) string {
		return fmt.Sprintf("%4d: %13s %14s  %s\n", n, count, bytes, class)
	}
	good := head + line(1, "100", "2400", "com.example.Entry") + line(2, "10", "240", "[B (java.base@17.0.15)") + "Total           110           2640\n"
	return cases([]row{
		{"good.histogram.txt", "4711:\n" + good, "com.example.Entry", byHeap},
		{"crlf.histogram.txt", strings.ReplaceAll(good, "\n", "\r\n"), "com.example.Entry", byHeap},
		{"mark.histogram.txt", "\xef\xbb\xbf" + good, "com.example.Entry", byHeap},
		{"module.histogram.txt", strings.ReplaceAll(good, "(java.base@17.0.15)", "(my own module@1.0 beta)"), "byte[]", byHeap},
		{"points.histogram.txt", strings.NewReplacer("2400", "2.400", "2640", "2.640").Replace(good), "!line 3: ", byHeap},
		{"commas.histogram.txt", strings.NewReplacer("2400", "2,400", "2640", "2,640").Replace(good), "!line 3: ", byHeap},
		{"spaces.histogram.txt", strings.NewReplacer("2400", "2 400", "2640", "2 640").Replace(good), "!line 5: ", byHeap},
		{"narrow-spaces.histogram.txt", strings.NewReplacer("2400", "2\u202f400", "2640", "2\u202f640").Replace(good), "!line 3: ", byHeap},
		{"arabic.histogram.txt", strings.NewReplacer("2400", "٢٤٠٠", "2640", "٢٦٤٠").Replace(good), "!line 3: ", byHeap},
		{"cut.histogram.txt", good[:len(good)-30], "!its line Total is missing: was it written completely?", byHeap},
		{"cut-row.histogram.txt", strings.Replace(good, "  com.example.Entry", "", 1), "!line 3: ", byHeap},
		{"cut-class.histogram.txt", strings.Replace(good, "com.example.Entry", "com.exa", 1), "com.exa", byHeap},
		{"negative.histogram.txt", strings.ReplaceAll(good, "2400", "-2400"), "!line 3: ", byHeap},
		{"twice.histogram.txt", good + good, "!line 8: here begins another histogram", byHeap},
		{"no-rows.histogram.txt", head + "Total             0              0\n", "0 objects in 0 B", byHeap},
		{"only-head.histogram.txt", head, "!its line Total is missing", byHeap},
		{"same-class.histogram.txt", head + line(1, "100", "2400", "A") + line(2, "10", "240", "A") + "Total           110           2640\n", "110", byHeap},
		{"total-wrong.histogram.txt", strings.Replace(good, "Total           110", "Total           111", 1), "!line 5: its total is 111 objects", byHeap},
		{"brackets.histogram.txt", strings.Replace(good, "[B", strings.Repeat("[", 8000)+"B", 1), "byte[][][]", byHeap},
		{"jcmd-error.histogram.txt", head + "4711:\njava.io.IOException: Command failed in target VM\n", "!its line Total is missing", byHeap},
	})
}
