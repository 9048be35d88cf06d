package flame

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// browser is a headless Chromium that is spoken to over a pipe, with the
// DevTools protocol.
type browser struct {
	t       *testing.T
	in      *os.File
	from    *os.File
	out     *bufio.Reader
	session string
	id      int
}

// newBrowser starts Chromium, and skips the test where there is none.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	processtest.NeedsThorough(t)
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("not started under -short, nor on Windows, where it cannot be given a pipe")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("there is no Chromium to show the picture to")
	}
	theirIn, ourOut := pipe(t)
	ourIn, theirOut := pipe(t)
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, in: ourOut, from: ourIn, out: bufio.NewReaderSize(ourIn, 1<<20)}
	t.Cleanup(func() {
		b.call("Browser.close", nil, nil)
		_ = cmd.Wait()
	})
	_ = theirIn.Close()
	_ = theirOut.Close()
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.call("Page.enable", nil, nil)
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// call calls a method and waits for its answer.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.id++
	message := map[string]any{"id": b.id, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") {
		message["sessionId"] = b.session
	}
	data, err := json.Marshal(message)
	if err == nil {
		_, err = b.in.Write(append(data, 0))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.wait(func(m *cdpMessage) bool {
		if m.ID != b.id {
			return false
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
		return true
	})
}

type cdpMessage struct {
	ID     int
	Method string
	Result json.RawMessage
	Error  *struct{ Message string }
}

// wait reads messages until done says that the one was among them.
func (b *browser) wait(done func(*cdpMessage) bool) {
	b.t.Helper()
	_ = b.from.SetReadDeadline(time.Now().Add(time.Minute)) // it waits for ever behind a dialog
	for {
		data, err := b.out.ReadBytes(0)
		if err != nil {
			if err == io.EOF {
				return // it closed the pipe as it was told to
			}
			b.t.Fatal(err)
		}
		var m cdpMessage
		if err := json.Unmarshal(data[:len(data)-1], &m); err != nil {
			b.t.Fatal(err)
		}
		if done(&m) {
			return
		}
	}
}

// open shows a page in a window of some width and waits until it is loaded.
func (b *browser) open(url string, width, height int) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.until(`document.readyState === "complete" && location.href.startsWith("http")`)
}

// eval evaluates an expression, which may be a promise.
func (b *browser) eval(expression string, result any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s %s", expression, r.ExceptionDetails.Text, r.ExceptionDetails.Exception.Description)
	}
	if result != nil {
		if err := json.Unmarshal(r.Result.Value, result); err != nil {
			b.t.Fatalf("%s: %s: %v", expression, r.Result.Value, err)
		}
	}
}

func (b *browser) text(expression string) (s string) {
	b.t.Helper()
	b.eval("String("+expression+")", &s)
	return s
}

// until waits for an expression to become true.
func (b *browser) until(expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		var ok bool
		if b.eval("Boolean("+expression+")", &ok); ok {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatalf("never became true: %s", expression)
}

// key presses a key.
func (b *browser) key(key string) {
	b.t.Helper()
	down := map[string]any{"type": "keyDown", "key": key}
	if len(key) == 1 {
		down["text"] = key
	}
	if key == "Enter" {
		down["text"] = "\r"
	}
	b.call("Input.dispatchKeyEvent", down, nil)
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil)
}

func (b *browser) write(text string) { b.call("Input.insertText", map[string]any{"text": text}, nil) }

// click clicks into the middle of the element that an expression returns.
func (b *browser) click(expression string) {
	b.t.Helper()
	var at struct{ X, Y float64 }
	b.eval("(() => { const r = ("+expression+").getBoundingClientRect(); return {x: r.left + r.width / 2, y: r.top + r.height / 2} })()", &at)
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// screenshot keeps what is seen, where a folder for it is named.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	folder := os.Getenv("FLAME_SCREENSHOTS")
	if folder == "" {
		return
	}
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), data, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// site serves pictures, and pages that hold one: /img as an image, /inline in
// the page, under a policy that allows nothing.
func site(t *testing.T, pictures map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		kind, rest, nested := strings.Cut(name, "/")
		if nested {
			name = rest
		}
		switch kind {
		case "img":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!doctype html><body style="margin:0"><img id="i" src="/%s" style="width:100%%">`, name)
		case "inline":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Security-Policy", "default-src 'none'")
			_, body, _ := strings.Cut(pictures[name], "?>")
			fmt.Fprintf(w, `<!doctype html><body>%s`, body)
		case "strict":
			w.Header().Set("Content-Security-Policy", "default-src 'none'")
			fallthrough
		default:
			w.Header().Set("Content-Type", "image/svg+xml")
			fmt.Fprint(w, pictures[name])
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
