package bundle

import (
	"bytes"
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	t.Parallel()
	var r Redactor
	r.Know("hunter2hunter2", "abc")
	r.KnowEnvironment([]string{"DB_PASSWORD=opensesame", "HOME=/home/someone"})
	for in, want := range map[string]string{
		"abc hunter2hunter2 x":               "abc REDACTED x",
		"connect opensesame /home/someone":   "connect REDACTED /home/someone",
		"Authorization: Bearer abcdef123456": "Authorization: REDACTED",
		"a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb": "a\nprivate key REDACTED\nb",
		`{"b": 1, "a": {"api_key": ["x", 12345678]}}`:                               `{"b": 1, "a": {"api_key": ["REDACTED", "REDACTED"]}}` + "\n",
		`{"a": "postgres://u:secretpw@db/x"}`:                                       `{"a": "postgres://REDACTED@db/x"}` + "\n",
		"{\"a\": 1}\n{\"token\": \"t\"}\n":                                          "{\"a\": 1}\n{\"token\": \"REDACTED\"}\n",
		"{\"token\": {\"a\": \"x\"}}\n{\"a\":":                                      "{\"token\": {\"a\": \"REDACTED\"}}\n{\"a\":",
		`{"password": "x`:                                                           `{"password": REDACTED`,
	} {
		got, n := r.Clean([]byte(in))
		if string(got) != want || n == 0 {
			t.Errorf("%q: got %q (%d), want %q", in, got, n, want)
		}
	}
}

func TestAddFile(t *testing.T) {
	t.Parallel()
	var b Bundle
	for name, content := range map[string]string{"../../a b.log": "x\n", "x.heapsnapshot": `{"snapshot":{"meta":{"node_fields":["type"]`, "y.bin": "a\x00b"} {
		err := b.AddFile(name, strings.NewReader(content))
		if (err == nil) != (name == "../../a b.log") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(b.Entries) != 1 || b.Entries[0].Name != "files/a b.log" {
		t.Errorf("%+v", b.Entries)
	}
	b.most = 1000
	long := strings.Repeat("0123456789abcdef\n", 200)
	if err := b.AddFile("a b.log", strings.NewReader(long)); err != nil || b.Entries[1].Size > 1000 || b.Entries[1].Name != "files/a b-2.log" {
		t.Errorf("%v, %+v", err, b.Entries[1].Name)
	}
	heap := `{"snapshot":{"meta":{"node_fields":["type"]` + long
	if err := b.AddFile("long.heapsnapshot", strings.NewReader(heap)); err == nil || !strings.Contains(err.Error(), "a heap snapshot") {
		t.Errorf("the end of a heap snapshot is in the archive: %v", err)
	}
	endless := strings.Repeat(long, 200)
	if err := b.AddFile("endless.log", strings.NewReader(endless)); err != nil || !strings.Contains(b.Entries[2].About, "of its first") {
		t.Errorf("%v, %s", err, b.Entries[2].About)
	}
}

// The cleaner ends on any input, and a known secret is gone.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"token":"x"}]}`, "-----BEGIN PRIVATE KEY-----\nx", "[[[", "a=b\n"} {
		f.Add([]byte(seed), "sentinel-value")
	}
	f.Fuzz(func(t *testing.T, data []byte, secret string) {
		secret = strings.TrimSpace(secret)
		if len(secret) < minSecret || strings.ContainsAny(secret, "\"\\\n\r") || strings.Contains(removed, secret) {
			return
		}
		var r Redactor
		r.Know(secret)
		clean, _ := r.Clean(append(bytes.Clone(data), " "+secret+"\n"...))
		if !strings.Contains(removed, secret) && bytes.Contains(clean, []byte(" "+secret+"\n")) {
			t.Errorf("%q is left in %q", secret, clean)
		}
	})
}
