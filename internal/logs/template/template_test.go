package template

import (
	"fmt"
	"testing"
)

func TestAdd(t *testing.T) {
	m := &Miner{Limit: 100}
	for i := range 50 {
		m.Add("error", fmt.Appendf(nil, "user user-%d not found in %dms", i, i*7))
		m.Add("error", fmt.Appendf(nil, "connection to 10.0.0.%d:5432 refused", i))
		m.Add("info", fmt.Appendf(nil, "session 5f0c11aa55e0b7%02x closed", i))
	}
	want := map[string]int64{
		"user <n> not found in <n>": 50, "connection to <ip> refused": 50, "session <id> closed": 50,
	}
	all := m.All()
	if len(all) != len(want) {
		t.Errorf("%d templates: %v", len(all), all)
	}
	for _, tpl := range all {
		if tpl.Count != want[tpl.String()] {
			t.Errorf("%q: %d", tpl, tpl.Count)
		}
	}
}

func TestGeneralize(t *testing.T) {
	m := &Miner{}
	first := m.Add("", []byte("tool search failed for alice today"))
	tpl := m.Add("", []byte("tool search failed for bob today"))
	if tpl != first || tpl.String() != "tool search failed for <*> today" {
		t.Errorf("got %q, after %q", tpl, first)
	}
}

func TestLimit(t *testing.T) {
	m := &Miner{Limit: 10}
	for i := range 1000 {
		m.Add(fmt.Sprint("logger", i), []byte("text"))
	}
	if n := len(m.All()); n != 10 {
		t.Errorf("%d templates are kept", n)
	}
}

func TestAppendMasked(t *testing.T) {
	for word, want := range map[string]string{
		"plain": "plain", "12ms": "<n>", "(5432)": "(<n>)", "/users/17/orders": "/users/<n>/orders", "id=42,": "id=<n>,",
		"550e8400-e29b-41d4-a716-446655440000": "<id>", "10.0.0.1:80": "<ip>", `"any text"`: "<q>", "v1": "<n>", "'x'": "<q>", "": "",
	} {
		if got := string(AppendMasked(nil, []byte(word))); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func FuzzAdd(f *testing.F) {
	f.Add([]byte("user 17 \"x\" not found"))
	f.Fuzz(func(t *testing.T, message []byte) {
		m := &Miner{Limit: 5}
		tpl := m.Add("k", message)
		if again := m.Add("k", message); again != tpl || tpl.Count != 2 {
			t.Errorf("the same message makes another template: %q", message)
		}
	})
}
