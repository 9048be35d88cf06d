package rules

import "testing"

// TestEachRuleHasItsWords wants the meaning and the advice of each rule.
func TestEachRuleHasItsWords(t *testing.T) {
	t.Parallel()
	book, err := newRulebook()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if words := book.Rules[name]; words.Means == "" || words.Do == "" {
			t.Errorf("findings.json says nothing of the rule %s", name)
		}
	}
	if len(book.Rules) != len(Names()) {
		t.Errorf("findings.json has words for %d rules, of %d", len(book.Rules), len(Names()))
	}
}
