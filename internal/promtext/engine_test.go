package promtext

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// Quantiles of random native histograms, as they are and as the difference of two readings,
// are those of the engine of Prometheus: testdata/promql, a module of its own.
func TestNativeQuantilesOfEngine(t *testing.T) {
	t.Parallel()
	if !processtest.Thorough() {
		t.Skip("it builds the engine of Prometheus; run it with make test-real")
	}
	engine := filepath.Join(t.TempDir(), "promql")
	build := exec.Command("go", "build", "-o", engine, ".")
	build.Dir = "testdata/promql"
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("the engine of Prometheus cannot be built: %v\n%s", err, out)
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same histograms each time
	quantiles := []float64{0, 0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1}
	var all []Native
	var in bytes.Buffer
	for range 500 {
		before := randomNative(random)
		later := randomNative(random)
		later.Schema = before.Schema // as the same server sends it
		n := before.Plus(later).Since(before)
		all = append(all, n)
		if err := json.NewEncoder(&in).Encode(struct {
			Native
			Quantiles []float64
		}{n, quantiles}); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(engine)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := json.NewDecoder(bytes.NewReader(out))
	for _, n := range all {
		var texts []string
		if err := answers.Decode(&texts); err != nil {
			t.Fatal(err)
		}
		h := n.Histogram()
		for i, q := range quantiles {
			want, _ := strconv.ParseFloat(texts[i], 64)
			got, ok := h.Quantile(q)
			if ok == math.IsNaN(want) || ok && math.Abs(got.Estimate-want) > 1e-9*math.Abs(want)+1e-300 {
				t.Errorf("quantile %g of %+v is %+v, %v; the engine has %g", q, n, got, ok, want)
			}
		}
	}
}

// randomNative returns a histogram of up to 20 buckets on each side.
func randomNative(random *rand.Rand) Native {
	n := Native{Schema: int32(random.IntN(13)) - 4, Positive: map[int32]float64{}, Negative: map[int32]float64{}}
	if random.IntN(2) == 0 {
		n.Zero, n.ZeroCount = 1e-100, float64(random.IntN(50))
	}
	fill := func(buckets map[int32]float64, most int) {
		for range random.IntN(most) {
			buckets[int32(random.IntN(40))-10] = float64(1 + random.IntN(100))
		}
	}
	fill(n.Positive, 20)
	if random.IntN(3) == 0 {
		fill(n.Negative, 20)
	}
	n.Count = n.ZeroCount
	for _, buckets := range []map[int32]float64{n.Positive, n.Negative} {
		for _, count := range buckets {
			n.Count += count
		}
	}
	return n
}
