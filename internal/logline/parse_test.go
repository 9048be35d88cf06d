package logline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/samples.txt with what is read today; review the difference by hand")

const answer = "=> "

// describe writes a record as testdata/samples.txt holds it.
func describe(r *Record) string {
	var b strings.Builder
	b.WriteString([]string{"", "no zone ", "no year ", "no date ", "no time"}[r.Time.Missing])
	switch r.Time.Missing {
	case NoYear:
		b.WriteString(time.Unix(0, daysSince1970(2000, 1, 1)*day+r.Time.Nanos).UTC().Format("01-02T15:04:05.999999999"))
	case NoDate:
		b.WriteString(time.Unix(0, r.Time.Nanos).UTC().Format("15:04:05.999999999"))
	case Complete, NoZone:
		b.WriteString(time.Unix(0, r.Time.Nanos).UTC().Format("2006-01-02T15:04:05.999999999"))
	case NoStamp:
	}
	if r.Continues {
		b.WriteString(", continues")
	}
	fmt.Fprintf(&b, " | %s | %s | %s", r.Level, r.Format, strings.Join(r.Wrappers.Names(), " "))
	for _, f := range []struct {
		name string
		text []byte
	}{
		{"stream", r.Stream}, {"logger", r.Logger}, {"message", r.Message}, {"event", r.Event}, {"request", r.Request}, {"session", r.Session},
		{"user", r.User}, {"tool", r.Tool}, {"method", r.Method}, {"endpoint", r.Endpoint}, {"address", r.Address}, {"error type", r.ErrorType},
		{"error", r.ErrorText}, {"reason", r.Reason}, {"statement", r.Statement}, {"rpc id", r.RPC.ID}, {"cancels", r.RPC.RefersTo},
	} {
		if len(f.text) > 0 {
			fmt.Fprintf(&b, " | %s: %s", f.name, f.text)
		}
	}
	if r.Status != 0 {
		fmt.Fprintf(&b, " | status: %d", r.Status)
	}
	if r.HasDuration {
		fmt.Fprintf(&b, " | duration: %s (%s)", r.Duration, r.DurationUnit)
	}
	if r.RPC.Kind != NoRPC {
		fmt.Fprintf(&b, " | %s from %s", []string{"", "request", "response", "notification"}[r.RPC.Kind], []string{"unknown", "client", "server"}[r.RPC.FromPeer])
	}
	if r.RPC.IsError {
		fmt.Fprintf(&b, " | error %d", r.RPC.Code)
	}
	return b.String()
}

// Each line of testdata/samples.txt is followed by the fields that a careful reader takes from it.
func TestSamples(t *testing.T) {
	const path = "testdata/samples.txt"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p, lines := NewParser(Options{}), 0
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if bytes.HasPrefix(line, []byte(answer)) {
			continue
		}
		fmt.Fprintf(&out, "%s\n", line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		var r Record
		p.Parse(line, &r)
		fmt.Fprintf(&out, "%s%s\n", answer, describe(&r))
		lines++
	}
	if lines < 80 {
		t.Fatalf("only %d samples", lines)
	}
	if diff := cmp.Diff(string(data), out.String()); diff != "" {
		if *update {
			if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Error(diff)
	}
}

func TestOptions(t *testing.T) {
	p := NewParser(Options{Fields: map[string]string{"attributes.uid": "user"}, Units: map[string]time.Duration{"wait": time.Second}})
	var r Record
	p.Parse([]byte(`{"attributes":{"uid":"u1"},"wait":2,"msg":"x"}`), &r)
	if string(r.User) != "u1" || r.Duration != 2*time.Second || r.DurationUnit != UnitGiven {
		t.Errorf("got %s", describe(&r))
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"532ms": 532 * time.Millisecond, "1.2s": 1200 * time.Millisecond, "1m3s": 63 * time.Second, "PT1.2S": 1200 * time.Millisecond,
		"00:00:01.2": 1200 * time.Millisecond, "31 ms": 31 * time.Millisecond, "5 seconds": 5 * time.Second, "12µs": 12 * time.Microsecond,
	} {
		if got, ok := ParseDuration([]byte(text)); !ok || got != want {
			t.Errorf("%s: got %s, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "5", "-5ms", "ms", "1:2", "PT", "10:99x:1", strings.Repeat("9", 50) + "s"} {
		if got, ok := ParseDuration([]byte(text)); ok {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestStampOfNumber(t *testing.T) {
	want := time.Date(2025, 11, 25, 9, 0, 1, 0, time.UTC).UnixNano()
	for _, text := range []string{"1764061201", "1764061201000", "1764061201000000", "1764061201000000000", "1764061201.0"} {
		if got := stampOfNumber([]byte(text)); got.Missing != Complete || got.Nanos != want {
			t.Errorf("%s: got %+v", text, got)
		}
	}
	for _, text := range []string{"", "1", "-1764061201", "1e300", "17640612010000000000000", "12345678a", "99999999999", "20261125090000"} {
		if got := stampOfNumber([]byte(text)); got.Missing != NoStamp {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

func TestClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	last := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, line, want string
		zone             *time.Location
		before           string // the time of the line before
	}{
		{"complete", "2026-11-25T09:00:01Z x", "2026-11-25T09:00:01Z", berlin, ""},
		{"no zone", "2026-11-25 10:00:01 x", "2026-11-25T09:00:01Z", berlin, ""},
		{"no zone in summer", "2026-07-25 11:00:01 x", "2026-07-25T09:00:01Z", berlin, ""},
		{"no year, this year", "Jan  2 11:00:00 host app[1]: x", "2026-01-02T11:00:00Z", time.UTC, ""},
		{"no year, last year", "Dec 31 11:00:00 host app[1]: x", "2025-12-31T11:00:00Z", time.UTC, ""},
		{"no date", "[09:00:28.789] GET /mcp x", "2026-01-02T09:00:28.789Z", time.UTC, ""},
		{"no date, over midnight", "[00:00:01.000] GET /mcp x", "2026-01-03T00:00:01Z", time.UTC, "2026-01-02T23:59:59Z"},
		{"no date, out of order at midnight", "[23:59:59.000] GET /mcp x", "2026-01-02T23:59:59Z", time.UTC, "2026-01-03T00:00:01Z"},
		{"no date, hours later", "[21:00:00.000] GET /mcp x", "2026-01-02T21:00:00Z", time.UTC, "2026-01-02T00:00:01Z"},
		{"inherited", "INFO:mcp:x", "2026-01-02T23:59:59Z", time.UTC, "2026-01-02T23:59:59Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &Clock{Zone: test.zone, Last: last}
			if test.before != "" {
				before, _ := ParseTime([]byte(test.before))
				c.Resolve(before)
			}
			var r Record
			NewParser(Options{}).Parse([]byte(test.line), &r)
			nanos, inherited, known := c.Resolve(r.Time)
			if got := time.Unix(0, nanos).UTC().Format(time.RFC3339Nano); !known || got != test.want || inherited != (r.Time.Missing == NoStamp) {
				t.Errorf("got %s, inherited %v, known %v", got, inherited, known)
			}
		})
	}
	if _, _, known := (&Clock{}).Resolve(Stamp{Missing: NoStamp}); known {
		t.Error("a first line without a time has one")
	}
}

// A value never becomes a line, and no line of foreign text ends the reader.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/samples.txt")
	if err != nil {
		f.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if line := s.Bytes(); len(line) > 0 && line[0] != '#' && !bytes.HasPrefix(line, []byte(answer)) {
			f.Add(bytes.Clone(line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var r Record
		NewParser(Options{}).Parse(bytes.ReplaceAll(line, []byte("\n"), []byte(" ")), &r)
		if r.HasDuration && r.Duration < 0 || r.Status < 0 {
			t.Errorf("got %s", describe(&r))
		}
	})
}

// No part of a line ends the reader: each beginning of each sample, each end, and each sample
// without one of its words.
func TestPartsOfSamples(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/samples.txt")
	if err != nil {
		t.Fatal(err)
	}
	p := NewParser(Options{})
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		defer func() {
			if fault := recover(); fault != nil {
				t.Errorf("a part of %q: %v", line, fault)
			}
		}()
		var r Record
		for i := range line {
			p.Parse(line[:i], &r)
			p.Parse(line[i:], &r)
		}
		words := bytes.Split(line, []byte(" "))
		for i := range words {
			p.Parse(bytes.Join(slices.Delete(slices.Clone(words), i, i+1), []byte(" ")), &r)
		}
	}
}

// The longest lines are read in time that grows with their length, whatever they repeat.
func TestRepetitiveLines(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"equals signs":      "I1125 09:00:23.104512       1 server.go:142] " + strings.Repeat("=", 1<<20),
		"pairs in a value":  "a=x " + strings.Repeat("=", 1<<20),
		"columns of loguru": "2026-11-25 09:00:20.022 | INFO     | " + strings.Repeat("a | ", 1<<18),
	} {
		start := time.Now()
		var r Record
		NewParser(Options{}).Parse([]byte(line), &r)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: %s", name, took)
		}
	}
}

// TestNoTimes: dates that do not exist, or that nanoseconds in 64 bits do not reach, are
// no times in any notation.
func TestNoTimes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"2026-13-25 09:00:01", "2261-01-01 09:00:01", "12/31/9999 09:00:01", "12/31/ab 09:00:01", "13/01/26 09:00:01", "32.11.2026 09:00:01", "31.12.9999 09:00:01",
		"20261301 09:00:01", "25/Nov/9999:09:00:01 +0000", "25/Nov/1969:09:00:01 +0000", "Nov 25, 9999 9:00:05 AM", "Wed Nov 25 09:00:01 9999",
	} {
		if s, n := ParseTime([]byte(text)); n != 0 && s.Missing == Complete || n != 0 && s.Missing == NoZone {
			t.Errorf("%s is read as %+v, %d bytes", text, s, n)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-11-25T09:00:01.250Z", "25/Nov/2026:09:00:30 +0000", "Nov 25 09:00:53", "11/25/26 09:00:18", "09:00:28.789", "25 Nov 2026 09:00:56.789"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, n := ParseTime(text)
		if n < 0 || n > len(text) || (n == 0) != (s.Missing == NoStamp) {
			t.Errorf("ParseTime(%q) = %+v, %d", text, s, n)
		}
	})
}

// The fields of a valid document are those that a strict reader finds.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"message":"a","tool":"t","request_id":"r","x":500}`))
	f.Add([]byte(`{"message":"\u00e4\n\"\\","user_id":"u\/v\t","x":[1,{"message":2,"y":"]}\""}],"y":{"x":{}},"tool":"t"}`))
	f.Add([]byte(`{ "x" : -1.5e+3 , "y" : null, "message" : "ends with \\" }`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if !jsontext.Value(line).IsValid() || bytes.ContainsRune(line, '\n') || line[0] != '{' {
			return
		}
		var want map[string]any
		if json.Unmarshal(line, &want) != nil || want == nil {
			return
		}
		var r Record
		NewParser(Options{}).Parse(line, &r)
		fields := map[string][]byte{"message": r.Message, "user_id": r.User, "request_id": r.Request, "tool": r.Tool, "x": nil, "y": nil}
		for key := range want {
			if _, ok := fields[key]; !ok {
				return // it may be another name of a field
			}
		}
		if r.Format != JSON {
			t.Fatalf("%s is read as %s", line, r.Format)
		}
		for key, got := range fields {
			if text, ok := want[key].(string); ok && key != "x" && key != "y" && string(got) != text && !isTidied(key, text) {
				t.Errorf("%s of %s is %q, want %q", key, line, got, text)
			}
		}
	})
}

// isTidied reports whether a request's identifier is one that is cut out of a longer name.
func isTidied(key, text string) bool {
	return key == "request_id" && (strings.Contains(text, "/traces/") || len(text) == 55)
}
