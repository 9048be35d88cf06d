package logs

import (
	"strings"
	"testing"
)

// The automaton finds the words that a search for each of them finds.
func FuzzVocabulary(f *testing.F) {
	lex, err := theLexicon()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range lex.signatures {
		f.Add(s.Positive)
		f.Add(s.Negative)
	}
	f.Add("ppool is closed: ECONNREFUSED authenticauthentication_failed")
	f.Fuzz(func(t *testing.T, text string) {
		var found wordSet
		lex.find([]byte(text), &found)
		lower := strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			return r
		}, text)
		for word, n := range lex.numbers {
			if got, want := found[n/64]&(1<<(n%64)) != 0, strings.Contains(lower, word); got != want {
				t.Errorf("%q in %q: %v, want %v", word, text, got, want)
			}
		}
	})
}
