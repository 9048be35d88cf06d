package flame

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
)

// draw draws folded stacks.
func draw(t testing.TB, in string, change func(*picture.Picture)) string {
	t.Helper()
	p := readStacks(t, in)
	p.Inputs = []string{"test"}
	tree := p.Tree()
	pic := p.Picture(p.Facts(tree))
	if change != nil {
		change(&pic)
	}
	var out bytes.Buffer
	if err := picture.SVG(&out, tree, pic, picture.MaxFrames); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// many are stacks of about so many frames, the same in each run.
func many(frames int) string {
	rnd := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range frames / 3 {
		fmt.Fprintf(&b, "main;handle_request;tool_%d;step_%d;work_%d_%d %d\n", i%40, i%400, i, rnd.IntN(100), 1+rnd.IntN(50))
	}
	return b.String()
}

const small = "main;parse;json.loads 30\nmain;parse 10\nmain;query;execute;recv 40\nmain;query;execute 5\nmain;render 15\n"

func TestBrowser(t *testing.T) {
	b := newBrowser(t)
	pictures := map[string]string{
		"small.svg": draw(t, small, func(p *picture.Picture) { p.Findings = []string{"plateau: recv"} }),
		"large.svg": draw(t, many(15000), nil),
		"plain.svg": draw(t, many(600), func(p *picture.Picture) {
			p.Warnings = []string{"a doubt that takes more room than a narrow screen has, so it goes on"}
		}),
		"numbers.svg": draw(t, `{"shared":{"frames":[{"name":"main"},{"name":"worker 12"},{"name":"read"}]},"profiles":[{"type":"sampled","unit":"none","samples":[[0,1],[0,1,2]],"weights":[5,3]}]}`, nil),
		"tall.svg":    draw(t, strings.Repeat("deep;", 120)+"end 1\n", nil),
		"rows.svg":    draw(t, many(9000), nil),
		"bare.svg":    draw(t, small, func(p *picture.Picture) { p.Facts = nil }),
		"diff.svg":    draw(t, "a;b;c 10 30\na;b;d 40 20\na;e 5 9\na;f 0 8\na;g;h 12 0\na;i 30 31\n", func(p *picture.Picture) { p.Root = picture.Top }),
	}
	_, inTime := folded(t, fold.Options{Spans: true}, poll(0, ""), poll(1000, call("1", "first")), poll(2000, call("1", "first")),
		poll(3000, call("2", "second")), poll(4000, ""))
	var chart bytes.Buffer
	if err := inTime.Flamechart(&chart, inTime.Picture(inTime.Facts(inTime.Tree())), picture.MaxFrames); err != nil {
		t.Fatal(err)
	}
	pictures["chart.svg"] = chart.String()
	url := site(t, pictures)
	b.open(url+"/small.svg", 1200, 700)
	t.Run("zoom", func(t *testing.T) { zooms(t, b) })
	t.Run("search", func(t *testing.T) { searches(t, b) })
	t.Run("keyboard", func(t *testing.T) { keyboard(t, b) })
	t.Run("table", func(t *testing.T) { table(t, b) })
	t.Run("address", func(t *testing.T) { address(t, b, url) })
	t.Run("times", func(t *testing.T) { times(t, b, url) })
	t.Run("strict", func(t *testing.T) { strict(t, b, url) })
	t.Run("looks", func(t *testing.T) { looks(t, b, url) })
	t.Run("large", func(t *testing.T) { large(t, b, url) })
	t.Run("crumbs", func(t *testing.T) { crumbs(t, b, url) })
	t.Run("callers", func(t *testing.T) { callers(t, b, url) })
	t.Run("tall", func(t *testing.T) { tall(t, b, url) })
}

const byName = `(n => Array.from(document.querySelectorAll(".f")).find(e => e.querySelector("title").textContent.startsWith(n + "\n")))`

func frame(name string) string { return fmt.Sprintf("%s(%q)", byName, name) }

// same checks what an expression is.
func same(t *testing.T, b *browser, expression, want string) {
	t.Helper()
	b.t = t
	if got := b.text(expression); got != want {
		t.Errorf("%s\n got %s\nwant %s", expression, got, want)
	}
}

func zooms(t *testing.T, b *browser) {
	b.t = t
	b.click(frame("query"))
	same(t, b, frame("query")+`.getAttribute("x") + " " + `+frame("query")+`.getAttribute("width")`, "0% 100%")
	same(t, b, frame("render")+`.hasAttribute("display")`, "true")
	same(t, b, frame("main")+`.classList.contains("above")`, "true")
	same(t, b, frame("execute")+`.hasAttribute("display")`, "false")
	same(t, b, `document.querySelector(".crumbs").textContent`, "all›main›query")
	same(t, b, `location.hash`, "#zoom=4")
	b.click(`document.querySelector(".reset")`)
	same(t, b, `document.querySelectorAll(".f[display]").length`, "0")
	same(t, b, frame("query")+`.getAttribute("width")`, "45%")
	same(t, b, `location.hash`, "")
}

func searches(t *testing.T, b *browser) {
	b.t = t
	b.key("/")
	b.write("^(query|recv|json)")
	same(t, b, `document.querySelector(".matched").textContent`, "3 matches, 75.0 %")
	same(t, b, `document.querySelectorAll(".hit").length`, "3")
	b.key("Enter")
	same(t, b, `document.querySelector(".matched").textContent`, "1 of 3 matches, 75.0 %")
	b.click(`document.querySelector("[aria-label='Next match']")`)
	same(t, b, `document.activeElement.getAttribute("aria-label").split(",")[0]`, "query")
	b.click(frame("parse"))
	same(t, b, `document.querySelector(".matched").textContent`, "1 match, 75.0 % of what is in view")
	b.key("/")
	b.write("(")
	same(t, b, `document.querySelector(".matched").textContent`, "not a regular expression")
	b.key("Escape")
	b.key("Escape")
	same(t, b, `document.querySelectorAll(".hit, .f[display]").length`, "0")
}

func keyboard(t *testing.T, b *browser) {
	b.t = t
	now := `document.activeElement.querySelector("title").textContent.split("\n")[0]`
	b.key("Home")
	for _, step := range []struct{ key, want string }{
		{"ArrowUp", "main"}, {"ArrowUp", "query"}, {"ArrowLeft", "parse"}, {"ArrowRight", "query"},
		{"ArrowUp", "execute"}, {"ArrowDown", "query"}, {"Enter", "query"},
	} {
		b.key(step.key)
		same(t, b, now, step.want)
	}
	same(t, b, frame("render")+`.hasAttribute("display")`, "true")
	same(t, b, `document.activeElement.getAttribute("tabindex") + document.querySelectorAll(".f[tabindex='0']").length`, "01")
	b.key("Escape")
	same(t, b, frame("render")+`.hasAttribute("display")`, "false")
}

func table(t *testing.T, b *browser) {
	b.t = t
	b.key("t")
	same(t, b, `document.querySelectorAll("tbody tr").length`, "8")
	same(t, b, `document.querySelector(".sheet li").textContent`, "plateau: recv")
	same(t, b, `Array.from(document.querySelectorAll("tbody tr")[3].cells, c => c.textContent).join("|")`, "json.loads|30 samples|30 samples|30.0 %|")
	b.click(`document.querySelectorAll("th button")[1]`)
	same(t, b, `document.querySelector("tbody tr td").textContent`, "recv")
	b.key("Escape")
	same(t, b, `document.querySelectorAll("tbody tr").length + " " + document.querySelector(".body").hasAttribute("display")`, "0 false")
}

func address(t *testing.T, b *browser, url string) {
	b.t = t
	b.open(url+"/small.svg?again#zoom=4&search=recv", 1200, 700)
	same(t, b, `document.querySelector(".matched").textContent`, "1 match, 88.9 % of what is in view")
	same(t, b, frame("query")+`.getAttribute("width")`, "100%")
}

// times looks at the line below a flame chart.
func times(t *testing.T, b *browser, url string) {
	b.t = t
	const line = `Array.from(document.querySelectorAll(".axis text"), e => e.textContent).join(" ")`
	b.open(url+"/chart.svg", 1200, 400)
	same(t, b, line, "0s 1s 2s 3s 4s")
	b.click(frame("second"))
	same(t, b, line, "2.50s 2.75s 3.00s 3.25s 3.50s")
	b.click(`document.querySelector(".reset")`)
	same(t, b, line, "0s 1s 2s 3s 4s")
}

// strict looks at the picture where neither script nor style may run.
func strict(t *testing.T, b *browser, url string) {
	b.t = t
	for _, page := range []string{"/strict/small.svg", "/inline/small.svg"} {
		b.open(url+page, 360, 400)
		same(t, b, `document.querySelectorAll("button").length`, "0")
		same(t, b, `Array.from(document.querySelectorAll("g > text")).filter(e => e.getBoundingClientRect().right > innerWidth).length`, "0")
		same(t, b, `Array.from(document.querySelectorAll(".f text")).filter(e => getComputedStyle(e.closest("svg.f")).overflow !== "hidden").length`, "0")
	}
	b.open(url+"/img/small.svg", 360, 400)
	same(t, b, `document.getElementById("i").naturalHeight > 50 && document.getElementById("i").naturalWidth`, "1200")
}

// looks opens pictures in windows narrow and wide, light and dark: nothing
// sticks out. FLAME_SCREENSHOTS names a folder for what they look like.
func looks(t *testing.T, b *browser, url string) {
	b.t = t
	for _, scheme := range []string{"light", "dark"} {
		b.call("Emulation.setEmulatedMedia", map[string]any{
			"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}},
		}, nil)
		for _, page := range []string{"/plain.svg", "/diff.svg", "/chart.svg", "/strict/plain.svg", "/img/plain.svg"} {
			for _, width := range []int{360, 1200, 2560} {
				b.open(url+page, width, 420)
				name := fmt.Sprintf("%s-%d-%s", strings.ReplaceAll(page[1:], "/", "-"), width, scheme)
				b.screenshot(name)
				fixed := strings.HasPrefix(page, "/strict") && width < 1200 // without a script the size is fixed
				if got := b.text(`document.documentElement.scrollWidth <= innerWidth`); got != "true" && !fixed {
					t.Errorf("%s is wider than its window", name)
				}
			}
		}
	}
}

// large measures; it is the bench that looks at the figures.
func large(t *testing.T, b *browser, url string) {
	b.t = t
	b.open(url+"/large.svg", 1200, 900)
	const timed = `(async f => { const t = performance.now(); f(); document.documentElement.getBoundingClientRect();` +
		` await new Promise(r => requestAnimationFrame(() => setTimeout(r))); return performance.now() - t })`
	click := `dispatchEvent(new MouseEvent("click", {bubbles: true}))`
	var frames, load, zoom, reset float64
	b.eval(`document.querySelectorAll(".f").length`, &frames)
	b.eval(`performance.getEntriesByType("navigation")[0].loadEventEnd`, &load)
	b.eval(timed+`(() => document.querySelectorAll(".f")[3].`+click+`)`, &zoom)
	b.eval(timed+`(() => document.querySelector(".reset").click())`, &reset)
	t.Logf("%.0f frames: load %.0f ms, zoom %.0f ms, reset %.0f ms", frames, load, zoom, reset)
	same(t, b, `document.querySelectorAll(".f[display]").length`, "0")
}

// crumbs zooms to where the path does not fit: its beginning and its end are
// there, and the table says the note below the frames as it was written.
func crumbs(t *testing.T, b *browser, url string) {
	b.t = t
	b.open(url+"/large.svg", 360, 900)
	b.eval(`Array.from(document.querySelectorAll(".f")).reduce((a, e) => +e.getAttribute("aria-level") > +a.getAttribute("aria-level") ? e : a).`+
		`dispatchEvent(new MouseEvent("click", {bubbles: true}))`, nil)
	same(t, b, `/^all›…›.*work_/.test(document.querySelector(".crumbs").textContent)`, "true")
	same(t, b, `document.querySelector(".crumbs b").getBoundingClientRect().right <= innerWidth`, "true")
	b.eval(`document.querySelector(".reset").click()`, nil)
	b.click(`document.querySelector(".toggle")`)
	same(t, b, `/narrower frames, [0-9.]+ % of the whole, left out; search does not find them$/.test(Array.from(document.querySelectorAll(".sheet li")).pop().textContent)`, "true")
}

// callers looks at the callers and callees that the page counts.
func callers(t *testing.T, b *browser, url string) {
	b.t = t
	b.open(url+"/small.svg", 1200, 700)
	b.click(frame("execute"))
	b.key("c")
	b.until(`document.querySelector(".callees td")`)
	const cells = `Array.from(document.querySelectorAll(".sheet td"), c => c.textContent).join("|")`
	same(t, b, cells, "query|45 samples|100.0 %|recv|40 samples|88.9 %")
	same(t, b, `document.querySelector(".sheet p").textContent`, "45 samples, 5 samples in the frame itself")
	b.key("Escape")
	same(t, b, `document.querySelectorAll(".sheet td").length`, "0")
	b.open(url+"/numbers.svg", 1200, 700) // the file has another name for the end of a stack
	b.click(frame("worker 12"))
	b.key("c")
	b.until(`document.querySelector(".callees td")`)
	same(t, b, cells, "main|8 samples|100.0 %|read|3 samples|37.5 %")
	same(t, b, `document.querySelector(".sheet p").textContent`, "8 samples, 5 samples in the frame itself")
}

// tall opens a picture that is taller than the window: the root is in view. A long
// table is shown in portions.
func tall(t *testing.T, b *browser, url string) {
	b.t = t
	b.open(url+"/tall.svg", 1200, 700)
	same(t, b, `document.querySelector(".f").getBoundingClientRect().top < 200`, "true")
	b.open(url+"/bare.svg", 1200, 700)
	same(t, b, `document.querySelectorAll(".toggle").length`, "1")
	b.open(url+"/rows.svg", 1200, 700)
	b.click(`document.querySelector(".toggle")`)
	same(t, b, `document.querySelectorAll("tbody tr").length`, "1001")
	b.eval(`document.querySelector(".more button").click()`, nil)
	same(t, b, `document.querySelectorAll("tbody tr").length`, "2001")
}
