package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// buildTraced builds the server of testdata/traced, a module of its own.
func buildTraced(t *testing.T) string {
	t.Helper()
	processtest.NeedsThorough(t)
	program := filepath.Join(t.TempDir(), "traced.exe")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	cmd.Dir = filepath.Join("..", "..", "testdata", "traced")
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("the traced server cannot be built: %v", err)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// recordTraces calls each tool of the traced server and returns the export requests
// that its exporter sent.
func recordTraces(t *testing.T, program string) [][]byte {
	t.Helper()
	var lock sync.Mutex
	var bodies [][]byte
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		lock.Lock()
		defer lock.Unlock()
		bodies = append(bodies, data)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer receiver.Close()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+receiver.URL+"/v1/traces")
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, _ := bufio.NewReader(stdout).ReadString('\n')
	callTraced(t, strings.TrimSpace(address))
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return bodies
}

func callTraced(t *testing.T, address string) {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: address}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"search", "fanout", "broken", "enqueue", "search", "fanout"} {
		if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool}); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
}

// countedSpans are spans by id.
type countedSpans map[string]*tracepb.Span

func countSpans(t *testing.T, bodies [][]byte) countedSpans {
	t.Helper()
	all := countedSpans{}
	for _, body := range bodies {
		var traces tracepb.TracesData
		if err := proto.Unmarshal(body, &traces); err != nil {
			t.Fatal(err)
		}
		for _, r := range traces.GetResourceSpans() {
			for _, scope := range r.GetScopeSpans() {
				for _, s := range scope.GetSpans() {
					all[string(s.GetSpanId())] = s
				}
			}
		}
	}
	return all
}

func (countedSpans) frame(s *tracepb.Span) string {
	name, failed := s.GetName(), s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR
	for _, a := range s.GetAttributes() {
		switch a.GetKey() {
		case "gen_ai.tool.name":
			name += " " + a.GetValue().GetStringValue()
		case "error.type":
			failed = true
		}
	}
	if failed {
		name += " (error)"
	}
	return name
}

func (all countedSpans) path(s *tracepb.Span) string {
	if parent := all[string(s.GetParentSpanId())]; parent != nil {
		return all.path(parent) + ";" + all.frame(s)
	}
	return all.frame(s)
}

// own sums the stretches between any two ends of spans in which s runs and no child does.
func (all countedSpans) own(s *tracepb.Span) uint64 {
	covers := func(s *tracepb.Span, from, to uint64) bool {
		return s.GetStartTimeUnixNano() <= from && to <= s.GetEndTimeUnixNano()
	}
	var ends []uint64
	for _, other := range all {
		ends = append(ends, other.GetStartTimeUnixNano(), other.GetEndTimeUnixNano())
	}
	slices.Sort(ends)
	sum := uint64(0)
	for i := 1; i < len(ends); i++ {
		busy := !covers(s, ends[i-1], ends[i])
		for _, child := range all {
			busy = busy || bytes.Equal(child.GetParentSpanId(), s.GetSpanId()) && covers(child, ends[i-1], ends[i])
		}
		if !busy {
			sum += ends[i] - ends[i-1]
		}
	}
	return sum
}

// The spans of an instrumented server on the official Go SDK nest as a plain count
// says, in Protocol Buffers and in the JSON that OpenTelemetry's own library writes.
func TestFlameOfTracedServer(t *testing.T) {
	t.Parallel()
	program := buildTraced(t)
	bodies := recordTraces(t, program)
	if len(bodies) < 2 {
		t.Fatalf("%d export requests, too few to part a span from its parent", len(bodies))
	}
	all := countSpans(t, bodies)
	want := map[string]float64{}
	for _, s := range all {
		want[all.path(s)] += float64(all.own(s)) / 1e6
	}
	for path, least := range map[string]float64{
		"tools/call search;query;retry;attempt": 4, "tools/call search;query;attempt (error)": 4, "tools/call search;query;rank": 4,
		"tools/call fanout;fetch a": 4, "tools/call fanout;fetch b": 8, "tools/call broken (error);SELECT docs (error)": 2,
		"tools/call enqueue;deliver;send": 2, "initialize": 0,
	} {
		if own, ok := want[path]; !ok || own < least {
			t.Errorf("the server recorded %v ms of %s, want %v at least", own, path, least)
		}
	}
	var framed, lines bytes.Buffer
	for _, body := range bodies {
		framed.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
		framed.Write(body)
		convert := exec.CommandContext(t.Context(), program, "-json")
		convert.Stdin, convert.Stdout, convert.Stderr = bytes.NewReader(body), &lines, t.Output()
		if err := convert.Run(); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"traces.pb": framed.Bytes(), "traces.json": lines.Bytes(), "joined.pb": bytes.Join(bodies, nil)} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		o := invoke(t, "flame", file, "--format", "folded")
		o.wants(t, exitOK, "")
		sameWeights(t, name, want, o.out)
		invoke(t, "flame", file, "-o", filepath.Join(t.TempDir(), "traces.svg")).wants(t, exitOK, "")
	}
}

func sameWeights(t *testing.T, name string, want map[string]float64, folded string) {
	t.Helper()
	got := map[string]float64{}
	for line := range strings.Lines(folded) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		weight, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		got[line[:at]] = weight
	}
	for path, weight := range want {
		if diff := math.Abs(got[path] - weight); diff > 0.001 {
			t.Errorf("%s: %v ms of %s, a plain count has %v", name, got[path], path, weight)
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%s: %s is not in the traces", name, path)
		}
	}
}
