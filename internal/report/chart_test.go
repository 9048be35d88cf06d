package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
)

func aChart(name string) Chart {
	return Chart{Title: name, Subtitle: name, YUnit: name, XUnit: name, XSeconds: true,
		Lines: []ChartLine{
			{Name: name, Points: [][2]float64{{0, 100}, {60, 120}, {120, math.NaN()}, {180, 110}}},
			{Name: name, Points: [][2]float64{{0, 90}, {180, 95}}, Dashed: true, Thin: true},
		},
		Marks: []ChartMark{{X: 60, Text: name}}, Bands: []ChartBand{{From: 20, To: 40}}}
}

func svg(t *testing.T, c Chart) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements counts the elements and attributes by name; it fails on what is no XML.
func elements(t *testing.T, doc string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for dec := xml.NewDecoder(strings.NewReader(doc)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return counts
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if start, ok := token.(xml.StartElement); ok {
			counts[start.Name.Local]++
			for _, a := range start.Attr {
				counts["@"+a.Name.Local]++
			}
		}
	}
}

var hostileNames = []string{
	`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `' onload='alert(1)`,
	"]]>", "{{.}}", "\x1b[2J\x00", "\u202egnp", "\ufffe\uffff", "\xff\xfe", "&amp;&#0;", "http://example.com/x", strings.Repeat("long ", 5000),
}

// Names change no element, and the picture loads nothing from anywhere.
func TestChartWithHostileNames(t *testing.T) {
	want := elements(t, svg(t, aChart("memory")))
	urls := regexp.MustCompile(`(href|src)=|url\(|@import`)
	for _, name := range hostileNames {
		doc := svg(t, aChart(name))
		got := elements(t, doc)
		delete(got, "text") // the legend leaves out what has no room
		for element, n := range want {
			if element != "text" && element != "path" && !strings.HasPrefix(element, "@") && got[element] != n {
				t.Errorf("%.40q: %d <%s>, want %d", name, got[element], element, n)
			}
		}
		for element := range got {
			if want[element] == 0 {
				t.Errorf("%.40q brings in %s", name, element)
			}
		}
		if m := urls.FindString(strings.ReplaceAll(doc, "src=x", "")); m != "" || strings.ContainsAny(doc, "\x1b\x00\u202e") {
			t.Errorf("%.40q: the picture has %q, or a control character", name, m)
		}
	}
}

func TestChartOfNothing(t *testing.T) {
	for _, c := range []Chart{{}, {Lines: []ChartLine{{Points: [][2]float64{{math.NaN(), 1}, {1, math.Inf(1)}}}}}} {
		if doc := svg(t, c); !strings.Contains(doc, "nothing to draw") {
			t.Errorf("%+v:\n%s", c, doc)
		}
	}
}

// Whatever the values are, the picture has a handful of grid lines and no broken number.
// A point without a neighbour is a dot: a path would draw nothing.
func TestChartDrawsSinglePoints(t *testing.T) {
	gap := [2]float64{1, math.NaN()}
	for _, c := range []struct {
		points [][2]float64
		dots   int
	}{{[][2]float64{{0, 5}}, 1}, {[][2]float64{{0, 5}, gap, {2, 5}}, 2}, {[][2]float64{{0, 5}, {1, 6}, gap, {3, 5}}, 1}, {[][2]float64{{0, 5}, {1, 6}}, 0}} {
		if dots := strings.Count(svg(t, Chart{Lines: []ChartLine{{Points: c.points}}}), "<circle"); dots != c.dots {
			t.Errorf("%v has %d dots, want %d", c.points, dots, c.dots)
		}
	}
}

func TestChartScales(t *testing.T) {
	for _, points := range [][][2]float64{
		{{0, 0}}, {{0, 5}, {1, 5}}, {{0, 0}, {1, 0}}, {{0, 1e-9}, {1e-9, 2e-9}}, {{0, 1e15}, {1e9, 2e15}},
		{{0, -5}, {10, 5}}, {{1e16, 1}, {1e16 + 2, 2}}, {{1.7e9, 100}, {1.7e9 + 86400, 900}}, {{0, 61.4}, {30, 61.5}},
	} {
		for _, seconds := range []bool{false, true} {
			doc := svg(t, Chart{XSeconds: seconds, Lines: []ChartLine{{Name: "a", Points: points}}})
			if n := elements(t, doc)["text"]; n < 4 || n > 30 {
				t.Errorf("%v: %d labels", points, n)
			}
			if strings.Contains(doc, "NaN") || strings.Contains(doc, "Inf") {
				t.Errorf("%v:\n%s", points, doc)
			}
		}
	}
}

func TestClock(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0s", 0.5: "500ms", 30: "30s", 60: "1m", 90: "1m30s", 600: "10m", 3600: "1h", 5400: "1h30m", 86400: "24h"} {
		if got := clock(seconds); got != want {
			t.Errorf("%v: %s, want %s", seconds, got, want)
		}
	}
}

func FuzzChart(f *testing.F) {
	f.Add("name", 1.0, 2.0, 3.0)
	f.Fuzz(func(t *testing.T, name string, a, b, c float64) {
		doc := svg(t, Chart{Title: name, Lines: []ChartLine{{Name: name, Points: [][2]float64{{a, b}, {b, c}, {c, a}}}}})
		if got := elements(t, doc); got["svg"] != 1 || len(doc) > 100_000+8*len(name) {
			t.Errorf("%d bytes, %v", len(doc), fmt.Sprint(got))
		}
	})
}

// Each line has its name, also where the chart is too narrow for one row of them.
func TestLegendOfANarrowChart(t *testing.T) {
	c := Chart{Title: "counts", Width: 420, Height: 320, YWhole: true}
	names := []string{"sessions that the server counts", "sockets in CLOSE_WAIT", "threads"}
	for i, name := range names {
		c.Lines = append(c.Lines, ChartLine{Name: name, Points: [][2]float64{{0, float64(6 + i)}, {9, 7}}})
	}
	doc := svg(t, c)
	rows := map[string]bool{}
	for _, name := range names {
		at := regexp.MustCompile(`x="[0-9.]+" y="([0-9.]+)">` + name + `<`).FindStringSubmatch(doc)
		if at == nil {
			t.Fatalf("no legend for %q in\n%s", name, doc)
		}
		rows[at[1]] = true
	}
	if len(rows) != 2 || !strings.Contains(doc, `viewBox="0 0 420 338"`) {
		t.Errorf("%d rows of a legend, want 2 and a picture that has room for them:\n%s", len(rows), doc)
	}
	if strings.Contains(doc, ">6.5<") {
		t.Errorf("half a session:\n%s", doc)
	}
}

// Words of marks do not stand on one another.
func TestMarksThatAreNear(t *testing.T) {
	doc := svg(t, Chart{Width: 420, Height: 320, Lines: []ChartLine{{Name: "a", Points: [][2]float64{{0, 1}, {100, 2}}}},
		Marks: []ChartMark{{0, "eleven"}, {1, "twelve"}, {50, "thirteen"}}})
	for word, want := range map[string]bool{"eleven": true, "twelve": false, "thirteen": true} {
		if strings.Contains(doc, ">"+word+"<") != want {
			t.Errorf("%s is shown: %t", word, !want)
		}
	}
	if n := strings.Count(doc, `class="k"`); n != 3 {
		t.Errorf("%d marks", n)
	}
}
