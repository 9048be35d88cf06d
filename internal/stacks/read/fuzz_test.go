package read_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
	"github.com/mcpdiag/mcpdiag/internal/stacks/write"
)

// fuzz reads any bytes. What is read can be written, and no weight is negative.
func fuzz(f *testing.F, seeds ...[]byte) {
	f.Helper()
	for _, seed := range seeds {
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, data []byte, choice string) {
		p, err := open(data, read.Options{Profile: choice, Sample: choice})
		if err != nil {
			return
		}
		for i := range p.Nodes {
			if !(p.Nodes[i].Self >= 0) || int(p.Nodes[i].Parent) >= i {
				t.Fatalf("node %d: %+v", i, p.Nodes[i])
			}
		}
		if _, err := write.Folded(io.Discard, p.Tree(stacks.Heaviest)); err != nil {
			t.Fatal(err)
		}
	})
}

func few() []sample { return random(1, odd[1:])[:3] }

func FuzzSpeedscope(f *testing.F) { fuzz(f, speedscopeSampled(few()), speedscopeEvented(few())) }

func FuzzV8(f *testing.F) {
	fuzz(f, cpuProfile(few()), heapProfile(few()), readCase(f, "mini.cpuprofile"))
}

func FuzzGecko(f *testing.F) { fuzz(f, gecko(few(), true), gecko(few(), false)) }

func FuzzText(f *testing.F) {
	list := random(1, plainNames)[:3]
	fuzz(f, perfScript(list), goStacks(list), goText(list), readCase(f, "utf16.folded"))
}

func FuzzPprof(f *testing.F) { fuzz(f, pprofOf(few())) }

func FuzzSpans(f *testing.F) {
	fuzz(f, chromeComplete(few()), chromeBeginEnd(few()), otlpJSON(few()), otlpProto(few()), otlpProtoWithLengths(few()), jaeger(few()), zipkin(few()), chromeCPUProfile(few()))
}

func FuzzPicture(f *testing.F) {
	fuzz(f, []byte(`<svg><metadata><folded title="t" unit="ms" samples="1" pruned="false">a;b 1</folded></metadata></svg>`),
		[]byte(`<svg><folded encoding="gzip">`+"H4sIAAAAAAAA/0u0TlIw5AIAqfTtUgYAAAA="+`</folded></svg>`))
}

func FuzzDetect(f *testing.F) {
	for _, seed := range []string{`{"nodes":[{"callFrame":{}}]}`, `[{"ph":"X"}]`, "{main};x 1", "goroutine 1 [running]:\n", "\xff\xfea\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		shape := read.Detect(head)
		if shape.Format == read.Empty && len(head) > 0 {
			t.Errorf("%q is called empty", head)
		}
		if shape.Whole && !bytes.Contains(head, []byte("\n")) {
			t.Errorf("%q is called a document of several lines", head)
		}
	})
}
