package flame

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/stacks/write"
)

const speedscopeDir = "../../testdata/speedscope"

// speedscopeRelease installs speedscope, which is locked under testdata, and
// returns the folder of its page. The test is skipped where it cannot be had.
func speedscopeRelease(t *testing.T) string {
	t.Helper()
	release := filepath.Join(speedscopeDir, "node_modules", "speedscope", "dist", "release")
	if _, err := os.Stat(release); err == nil {
		return release
	}
	npm, err := exec.LookPath("npm")
	if err != nil || testing.Short() {
		t.Skip("speedscope comes with npm, which is missing, or -short was given")
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = speedscopeDir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("npm ci cannot install speedscope: %v\n%s", err, out)
	}
	return release
}

func TestSpeedscopeSchema(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(speedscopeRelease(t), "file-format-schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, trace := folded(t, fold.Options{Spans: true}, minute(func(int) (string, string) { return "", "" })...)
	for _, p := range []*Profile{trace, readStacks(t, small), readStacks(t, "a;;b 1.5\n")} {
		var file any
		var out bytes.Buffer // alone: pprof has no fractions
		if err := errors.Join(write.Speedscope(&out, p.Tree(), "title", p.Unit), json.Unmarshal(out.Bytes(), &file)); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(file); err != nil {
			t.Error(err)
		}
	}
	if err := resolved.Validate(map[string]any{"profiles": "none"}); err == nil {
		t.Error("the schema takes anything: this test cannot fail")
	}
}

// TestSpeedscopeReads gives what we write to speedscope's own importer, in its
// own page, and reads back what it shows.
func TestSpeedscopeReads(t *testing.T) {
	release := speedscopeRelease(t)
	b := newBrowser(t)
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": "alert = text => document.body.append('went wrong: ' + text)"}, nil)
	server := httptest.NewServer(http.FileServer(http.Dir(release)))
	t.Cleanup(server.Close)
	_, p := folded(t, fold.Options{Spans: true}, minute(func(int) (string, string) { return "", "" })...)
	written := output(t, p, "calls of a minute")
	for i, format := range []string{"speedscope", "folded", "pprof"} {
		b.open(fmt.Sprintf("%s/index.html?%d#localProfilePath=none", server.URL, i), 1200, 800) // so it waits to be given one
		b.until("window.speedscope && window.speedscope.loadFileFromBase64")
		name := map[string]string{"speedscope": "a.speedscope.json", "folded": "b.folded.txt", "pprof": "c.pb.gz"}[format]
		b.eval(fmt.Sprintf("void speedscope.loadFileFromBase64(%q, %q)", name, base64.StdEncoding.EncodeToString(written[format])), nil)
		b.until(`document.body.innerText.match(/Time Order|went wrong|Unrecognized/)`)
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			b.key("3") // the table of frames; the page may not listen to keys yet
			if strings.Contains(b.text("document.body.innerText"), "usual") {
				break
			}
		}
		if text := b.text("document.body.innerText"); !strings.Contains(text, "usual") {
			t.Errorf("%s: speedscope shows\n%s", format, text)
		}
		b.screenshot("speedscope-" + format)
	}
}
