package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/mcpdiag/mcpdiag/internal/logline"
)

func options() Options { return Options{Zone: time.UTC} }

// messages reads sources and returns the message of each entry, with "+n" for n lines of continuation.
func messages(t *testing.T, sources ...*Source) ([]string, *Stats) {
	t.Helper()
	var got []string
	var stats Stats
	err := Merge(t.Context(), sources, options(), &stats, func(e *Entry) error {
		s := string(e.Message)
		if len(e.More) > 0 {
			s += fmt.Sprintf(" +%d", len(e.More))
		}
		got = append(got, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, &stats
}

func source(text string) *Source { return FromReader("log", strings.NewReader(text)) }

func TestContinuation(t *testing.T) {
	for _, test := range []struct {
		name, log string
		want      []string
	}{
		{"python", "2026-11-25 09:00:17,901 - core - ERROR - failed\nTraceback (most recent call last):\n  File \"/app/a.py\", line 1, in f\nValueError: bad\nINFO:mcp:next\n", []string{"failed +3", "next"}},
		{"java", "2026-11-25T09:00:27.500Z ERROR 1 --- [mcp] [x] o.a.Tools : failed\njava.lang.IllegalStateException: no\n\tat org.acme.A.b(A.java:1)\n\t... 12 more\n", []string{"failed +3"}},
		{"dotnet", "fail: Acme.Server[1]\n      handler failed.\n      System.Exception: no\n", []string{"handler failed. +1"}},
		{"rich", "[11/25/26 09:00:18] INFO     Processing request of type            server.py:727\n                             CallToolRequest\n                    ERROR    failed                                server.py:401\n", []string{"Processing request of type CallToolRequest", "failed"}},
		{"docker partial", `{"log":"{\"msg\":\"long ","stream":"stdout","time":"2026-11-25T09:00:47Z"}` + "\n" + `{"log":"message\"}\n","stream":"stdout","time":"2026-11-25T09:00:47Z"}` + "\n", []string{"long message"}},
		{"CRI partial", "2026-11-25T09:00:47Z stdout P begin \n2026-11-25T09:00:47Z stdout F end\n", []string{"begin end"}},
		{"two pods", "[pod/a/c] 2026-11-25T09:00:49Z panic: x\n[pod/b/c] 2026-11-25T09:00:49Z other\n[pod/a/c] 2026-11-25T09:00:49Z goroutine 1 [running]:\n", []string{"other", "panic: x +1"}},
		{"a log that begins within a stack", "\tat org.acme.A.b(A.java:1)\nINFO:mcp:next\n", []string{"at org.acme.A.b(A.java:1)", "next"}},
		{"Java logging in two lines", "Nov 25, 2026 9:00:05 AM org.acme.mcp.Tools call\nSEVERE: failed\njava.lang.IllegalStateException: no\n\tat org.acme.A.b(A.java:1)\nNov 25, 2026 9:00:06 AM org.acme.mcp.Tools call\nINFO: next\n", []string{"failed +2", "next"}},
		{"Rust panic", "thread 'main' panicked at src/main.rs:42:5:\nno pool\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\nINFO:mcp:next\n", []string{"thread 'main' panicked at src/main.rs:42:5: +2", "next"}},
		{"journal export", "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1764061204123456\nPRIORITY=3\nSYSLOG_IDENTIFIER=mcp\nMESSAGE=WARNING:mcp:slow\n_PID=41\n\n__CURSOR=s=2\n__REALTIME_TIMESTAMP=1764061205123456\nMESSAGE=boom\n", []string{"slow", "boom"}},
		{"OTLP batch", `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeLogs":[{"scope":{},"logRecords":[{"timeUnixNano":"1764061201250000000","body":{"stringValue":"one \"logRecords\":[{"}},{"timeUnixNano":"1764061202250000000","body":{"stringValue":"two"}}]}]},{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"three"}}]}]}]}` + "\n" + `{"resourceLogs":[]}` + "\n", []string{"one \"logRecords\":[{", "two", "three", ""}},
		{"docker logs -t", "2026-11-25T09:00:01.123456789Z ERROR:mcp:failed\n2026-11-25T09:00:01.123456790Z Traceback (most recent call last):\n2026-11-25T09:00:01.123456791Z   File \"/app/a.py\", line 1, in f\n2026-11-25T09:00:01.123456792Z ValueError: bad\n2026-11-25T09:00:02Z INFO:mcp:next\n", []string{"failed +3", "next"}},
		{"syslog", "<14>1 2026-11-25T09:00:01Z host mcp 41 - - ERROR:mcp:failed\n<14>1 2026-11-25T09:00:01Z host mcp 41 - - Traceback (most recent call last):\n<14>1 2026-11-25T09:00:01Z host mcp 41 - -   File \"/app/a.py\", line 1, in f\n<14>1 2026-11-25T09:00:01Z host mcp 41 - - ValueError: bad\n", []string{"failed +3"}},
		{"PHP", "[25-Nov-2026 09:00:04 UTC] PHP Fatal error:  Uncaught X in /app/db.php:12\nStack trace:\n#0 /app/db.php(12): PDO->__construct()\n#1 {main}\n  thrown in /app/db.php on line 12\n", []string{"Fatal error:  Uncaught X in /app/db.php:12 +4"}},
		{"Go panic in a handler", "2026/11/25 09:00:01 http: panic serving 127.0.0.1:1: nil pointer\n[signal SIGSEGV: segmentation violation code=0x1]\n\ngoroutine 41 [running]:\npanic({0x6f0a20?, 0x9a1b50?})\n\t/usr/local/go/src/runtime/panic.go:792 +0x132\nmain.handler({0x7a9c18, 0xc000112000}, 0xc00001a0f0?)\n\t/src/main.go:31 +0x1d\n", []string{"http: panic serving 127.0.0.1:1: nil pointer +6"}},
		{"a mark between two files", "\ufeffINFO:mcp:a\n\ufeffINFO:mcp:b\n\x1e{\"msg\":\"c\"}\n", []string{"a", "b", "c"}},
		{"array of records", `[{"msg":"one","x":[{}]}, {"msg":"two"}]` + "\n", []string{"one", "two"}},
		{"hole of a rotation", "INFO:mcp:a\n" + strings.Repeat("\x00", 2<<20) + "INFO:mcp:b\n\x00\x00INFO:mcp:c\n", []string{"a", "b", "c"}},
		{"no newline at the end", "INFO:mcp:a\nINFO:mcp:b", []string{"a", "b"}},
		{"empty", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _ := messages(t, source(test.log))
			if test.name == "two pods" {
				got = sorted(got)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func sorted(list []string) []string {
	if len(list) == 2 && list[0] > list[1] {
		list[0], list[1] = list[1], list[0]
	}
	return list
}

// A log that is longer than a block has the same entries, and stacks are joined
// across blocks.
func TestBlocks(t *testing.T) {
	var log strings.Builder
	const n = 20000
	for i := range n {
		fmt.Fprintf(&log, "2026-11-25T09:00:27.%03dZ ERROR 1 --- [mcp] [x] o.a.Tools : failed %d\n\tat org.acme.A.b(A.java:%d)\n\tat org.acme.A.c(A.java:%d)\n", i%1000, i, i, i)
	}
	got, stats := messages(t, source(log.String()))
	if len(got) != n || stats.Lines != 3*n {
		t.Fatalf("%d entries of %d lines", len(got), stats.Lines)
	}
	for i, s := range got {
		if want := fmt.Sprintf("failed %d +2", i); s != want {
			t.Fatalf("entry %d is %q", i, s)
		}
	}
}

func TestLongLine(t *testing.T) {
	payload := strings.Repeat("A", 5<<20)
	log := `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"upload","arguments":{"data":"` + payload + `"}},"id":77}` + "\nINFO:mcp:next\n"
	var ids []string
	var stats Stats
	err := Read(t.Context(), source(log), options(), &stats, func(e *Entry) error {
		ids = append(ids, string(e.RPC.ID)+" "+string(e.Message))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"77 tools/call", " next"}, ids); diff != "" {
		t.Error(diff)
	}
	if stats.CutLines != 1 || stats.CutBytes < 4<<20 {
		t.Errorf("%d lines cut, %d bytes", stats.CutLines, stats.CutBytes)
	}
}

func TestEncodings(t *testing.T) {
	const log = "INFO:mcp:grüße\nINFO:mcp:two\n"
	var utf16le bytes.Buffer
	utf16le.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(log)) {
		utf16le.Write([]byte{byte(u), byte(u >> 8)})
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"plain": log, "UTF-8 BOM": "\xef\xbb\xbf" + log, "CRLF": strings.ReplaceAll(log, "\n", "\r\n"), "UTF-16": utf16le.String(),
		"gzip": zip(t, log), "gzip in two members": zip(t, "INFO:mcp:grüße\n") + zip(t, "INFO:mcp:two\n"), "zstd": string(encoder.EncodeAll([]byte(log), nil)),
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := messages(t, source(data))
			if diff := cmp.Diff([]string{"grüße", "two"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A document that is no log is refused, also within a compression; a log that begins
// with the same letters is read.
func TestDocumentsAreNoLogs(t *testing.T) {
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ data, want string }{
		"this program":        {string(program), "a program"},
		"compressed":          {zip(t, string(program)), "a program"},
		"for Windows":         {"MZ\x90\x00\x03\x00\x00\x00", "a program"},
		"a picture":           {"<svg xmlns='http://www.w3.org/2000/svg'>\n</svg>\n", "a picture"},
		"a picture in XML":    {"<?xml version='1.0'?>\n<svg>\n</svg>\n", "a picture"},
		"a log in XML":        {"<?xml version='1.0'?>\n<log4j:event/>\n", ""},
		"a page":              {"\n<!DOCTYPE html>\n<title>error</title>\n", "an HTML page"},
		"a log of MZ":         {"MZ-42 started\n", ""},
		"nothing":             {"", ""},
		"a log of short text": {"M\n", ""},
	} {
		err := Read(t.Context(), source(tc.data), Options{}, &Stats{}, func(*Entry) error { return nil })
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), "it is not a log but "+tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file can decompress to itself; a few layers are read, then it is refused.
func TestNestedCompression(t *testing.T) {
	data := "INFO:mcp:one\n"
	for range 6 {
		data = zip(t, data)
	}
	err := Read(t.Context(), source(data), Options{}, &Stats{}, func(*Entry) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "compressed more than 4 times") {
		t.Errorf("six times: %v", err)
	}
}

func zip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMerge(t *testing.T) {
	a := source("2026-11-25T09:00:01Z one\n2026-11-25T09:00:03Z three\nwithout time\n")
	b := source("2026-11-25T09:00:02Z two\n2026-11-25T09:00:04Z four\n")
	got, stats := messages(t, a, b)
	if diff := cmp.Diff([]string{"one", "two", "three", "without time", "four"}, got); diff != "" {
		t.Error(diff)
	}
	if stats.Lines != 5 {
		t.Errorf("%d lines", stats.Lines)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.log", "sub/b.jsonl", "c.log.1", "d.log.gz", "picture.png", "e.log-20261125"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(dir, filepath.Join(dir, "loop")); err != nil {
		t.Log("no symbolic links here:", err)
	}
	sources, err := Find([]string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) != 5 {
		t.Errorf("found %d of 5", len(sources))
	}
	if sources, err := Find([]string{filepath.Join(dir, "a.log"), dir, dir + "/./a.log"}, nil); err != nil || len(sources) != 5 {
		t.Errorf("found %d of 5, each once: %v", len(sources), err)
	}
	if _, err := Find([]string{filepath.Join(dir, "none.log")}, nil); err == nil || !strings.Contains(err.Error(), "none.log") {
		t.Errorf("got %v", err)
	}
	if _, err := Find([]string{t.TempDir()}, nil); err == nil || !strings.Contains(err.Error(), "looks like a log") {
		t.Errorf("got %v", err)
	}
}

// Following survives rotation and truncation, by a program that renames the log and by one
// that copies and empties it.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.log")
	write := func(flags int, text string) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flags, 0o600)
		if err != nil {
			t.Error(err)
			return
		}
		_, err = f.WriteString(text)
		if err != nil || f.Close() != nil {
			t.Error(err)
		}
	}
	write(os.O_TRUNC, "INFO:mcp:first\n")
	sources, err := Find([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	var got []string
	seen := make(chan string, 10)
	done := make(chan error, 1)
	go func() {
		var stats Stats
		done <- Read(ctx, Follow(sources[0]), options(), &stats, func(e *Entry) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, string(e.Message))
			seen <- string(e.Message)
			return nil
		})
	}()
	wait := func(want string) {
		t.Helper()
		select {
		case s := <-seen:
			if s != want {
				t.Errorf("got %q, want %q", s, want)
			}
		case <-ctx.Done():
			t.Fatalf("%q was not seen", want)
		}
	}
	wait("first")
	write(os.O_APPEND, "INFO:mcp:second\n")
	wait("second")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(os.O_EXCL, "INFO:mcp:rotated\n")
	wait("rotated")
	write(os.O_TRUNC, "INFO:x:cut\n")
	wait("cut")
	copied, err := os.ReadFile(path) // copytruncate, while the program goes on writing
	if err != nil || os.WriteFile(path+".2", copied, 0o600) != nil || os.Truncate(path, 0) != nil {
		t.Fatal("the log cannot be copied")
	}
	write(os.O_APPEND, "INFO:x:a\n")
	wait("a")
	write(os.O_APPEND, "INFO:x:going on\n")
	wait("going on")
	if err := os.Rename(path, path+".3"); err != nil { // rename, create, compress the old one
		t.Fatal(err)
	}
	write(os.O_EXCL, "INFO:x:created\n")
	if err := os.WriteFile(path+".3.gz", []byte("\x1f\x8b"), 0o600); err != nil || os.Remove(path+".3") != nil {
		t.Fatal("the old log cannot be compressed")
	}
	wait("created")
	cancel()
	if err := <-done; err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}

// Every field of an entry that outlives its block is its own copy.
func TestHold(t *testing.T) {
	line := []byte(`{"msg":"a","request_id":"r","tool":"t"}`)
	e := Entry{Record: &logline.Record{}}
	logline.NewParser(logline.Options{}).Parse(line, e.Record)
	e.Raw = line
	e.hold()
	for i := range line {
		line[i] = 'X'
	}
	if got := string(e.Message) + string(e.Request) + string(e.Tool); got != "art" {
		t.Errorf("got %q", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("INFO:mcp:a\n\tat b\n{\"log\":\"x\",\"stream\":\"s\",\"time\":\"t\"}\n"))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Add([]byte("\xff\xfea\x00"))
	f.Fuzz(func(t *testing.T, log []byte) {
		var stats Stats
		_ = Read(t.Context(), FromReader("log", bytes.NewReader(log)), options(), &stats, func(*Entry) error { return nil }) // only a panic is a fault
	})
}

// Several files that are followed are read side by side: one that is idle holds up no other.
func TestFollowSeveral(t *testing.T) {
	dir := t.TempDir()
	var sources []*Source
	for _, name := range []string{"a.log", "b.log"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := Find([]string{path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, Follow(found[0]))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seen, done := make(chan string, 10), make(chan error, 1)
	go func() {
		var stats Stats
		done <- Merge(ctx, sources, options(), &stats, func(e *Entry) error {
			seen <- string(e.Message)
			return nil
		})
	}()
	f, err := os.OpenFile(filepath.Join(dir, "b.log"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("ERROR:mcp:in the second\n"); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	select {
	case got := <-seen:
		if got != "in the second" {
			t.Errorf("got %q", got)
		}
	case <-ctx.Done():
		t.Fatal("the second file was not read")
	}
	cancel()
	<-done
}

// The first Ctrl-C ends a read from a pipe to which nobody writes.
func TestIdlePipe(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		var stats Stats
		done <- Read(ctx, FromReader("standard input", r), options(), &stats, func(*Entry) error { return nil })
	}()
	cancel()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the read did not end")
	}
}

// Of several files one that cannot be read is a warning; a single one is an error.
func TestUnreadable(t *testing.T) {
	good, bad := source("INFO:mcp:x\n"), source("\x1f\x8bnot gzip")
	got, stats := messages(t, good, bad)
	if len(got) != 1 || len(stats.Warnings) != 1 {
		t.Errorf("%q, warnings %q", got, stats.Warnings)
	}
	var own Stats
	if err := Merge(t.Context(), []*Source{source("\x1f\x8bnot gzip")}, options(), &own, func(*Entry) error { return nil }); err == nil {
		t.Error("a damaged file is no error")
	}
}

// Names out of the folder are refused, whatever way they take.
func TestFindIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for name, content := range map[string]string{"secret.log": "2026-01-01T00:00:00Z ERROR secret\n", "root/a.log": "x\n", "root/sub/b.log": "y\n", "root/sub/notes.md": "z\n"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("../secret.log", filepath.Join(root, "link.log")), os.Symlink("..", filepath.Join(root, "up"))); err != nil {
		t.Skip(err)
	}
	for name, want := range map[string]int{
		"a.log": 1, "sub": 1, ".": 2, "sub/../a.log": 1, "../secret.log": -1, "link.log": -1, "up": -1, "up/secret.log": -1,
		filepath.Join(dir, "secret.log"): -1, filepath.Join(root, "a.log"): -1, "absent.log": -1, "sub/../../secret.log": -1,
	} {
		sources, err := FindIn(root, []string{name})
		if (err != nil) != (want < 0) || err == nil && len(sources) != want {
			t.Errorf("%s: %d sources, error %v; want %d", name, len(sources), err, want)
		}
	}
}

// No line is lost where there are more streams than are kept apart.
func TestManyStreams(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	const n = maxStreams + 500
	for i := range n {
		fmt.Fprintf(&log, "[req-%x] INFO:mcp:called %d\n", i, i)
	}
	if got, _ := messages(t, source(log.String())); len(got) != n {
		t.Errorf("%d entries of %d lines", len(got), n)
	}
}

// A record of rich is bounded, and so is the time to read what continues it.
func TestLongRichRecord(t *testing.T) {
	t.Parallel()
	log := "[11/25/26 09:00:18] INFO     dump\n" + strings.Repeat("    one of many lines that are indented\n", 50000) + "INFO:mcp:next\n"
	start := time.Now()
	got, _ := messages(t, source(log))
	if len(got) != 2 || len(got[0]) > maxMoreBytes {
		t.Errorf("%d entries, the first of %d bytes", len(got), len(got[0]))
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// Lines below a record are a stack trace only if they look like one.
func TestIndentedIsNoError(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]logline.Level{
		"Request received\n  Host: example.com\n  Accept: application/json\n":         logline.NoLevel,
		"Request failed\n  Error: no pool\n      at call (/app/a.js:1:2)\n":           logline.Error,
		"handler failed\njava.lang.IllegalStateException: no\n\tat a.B.c(D.java:1)\n": logline.Error,
	} {
		err := Read(t.Context(), source(log), options(), &Stats{}, func(e *Entry) error {
			if e.Level != want {
				t.Errorf("%q has level %q", log, e.Level)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// Of several files one that breaks off is read as far as it goes, and is a warning.
func TestBreaksOff(t *testing.T) {
	t.Parallel()
	log := strings.Repeat("INFO:mcp:x\n", 100000)
	whole := zip(t, log)
	got, stats := messages(t, source("INFO:mcp:a\n"), source(whole[:len(whole)-100]))
	if len(got) < 1000 || len(stats.Warnings) != 1 || !strings.Contains(stats.Warnings[0], "cut off") {
		t.Errorf("%d entries, warnings %q", len(got), stats.Warnings)
	}
}

// An error of the reader of entries ends the reading of many files.
func TestRefusedEntry(t *testing.T) {
	t.Parallel()
	var sources []*Source
	for range maxOpen + 2 {
		sources = append(sources, source("INFO:mcp:a\n"))
	}
	full, taken := errors.New("the disk is full"), 0
	err := Merge(t.Context(), sources, options(), &Stats{}, func(*Entry) error {
		if taken++; taken == 2 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || taken != 2 {
		t.Errorf("%d entries, %v", taken, err)
	}
}

// A compressed file among those that are followed is read as it is.
func TestFollowCompressed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log.1.gz")
	if err := os.WriteFile(path, []byte(zip(t, "INFO:mcp:old\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	sources, err := Find([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := messages(t, Follow(sources[0])); len(got) != 1 || got[0] != "old" {
		t.Errorf("%q", got)
	}
}

// A log that is followed for days gets lines later than its last change when it was opened: a
// time without a year is of this one.
func TestYearOfFollowed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	now := time.Now().UTC().Truncate(time.Second)
	line := now.Format(time.Stamp) + " host mcp[41]: ready\n"
	opened := now.AddDate(0, 0, -3)
	if err := errors.Join(os.WriteFile(path, []byte(line), 0o600), os.Chtimes(path, opened, opened)); err != nil {
		t.Fatal(err)
	}
	sources, err := Find([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	read := errors.New("read")
	err = Read(t.Context(), Follow(sources[0]), options(), &Stats{}, func(e *Entry) error {
		if at := time.Unix(0, e.Nanos).UTC(); !at.Equal(now) {
			t.Errorf("%s, want %s", at, now)
		}
		return read
	})
	if !errors.Is(err, read) {
		t.Error(err)
	}
}
