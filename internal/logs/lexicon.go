package logs

import "sync"

// lexicon is the vocabulary of all reports: the words of the known faults, and the
// phrases by which a line has a subject.
type lexicon struct {
	vocabulary

	signatures           []Signature
	auth, database       wordSet
	limit, limitNames    wordSet
	classes              []wordSet // of databaseClasses
	lost, opened, closed wordSet   // sessions
	dropped              wordSet
	starts, ends         wordSet // of calls
}

// theLexicon is made once: it is the same for all logs.
var theLexicon = sync.OnceValues(newLexicon)

func newLexicon() (*lexicon, error) {
	list, err := Signatures()
	if err != nil {
		return nil, err
	}
	l := &lexicon{signatures: list}
	for i := range list {
		s := &list[i]
		s.all, s.any, s.none = l.set(s.All), l.set(s.Any), l.set(s.None)
	}
	l.auth, l.database = l.set(authWords), l.set(databaseWords)
	l.limit, l.limitNames = l.set(limitWords), l.set(limitNames)
	for _, c := range databaseClasses {
		l.classes = append(l.classes, l.set(c.words))
	}
	l.lost, l.opened, l.closed, l.dropped = l.set(sessionLost), l.set(sessionOpened), l.set(sessionClosed), l.set(sessionDropped)
	l.starts, l.ends = l.set(startWords), l.set(endWords)
	return l, l.link()
}

// first returns the first of words that is in found.
func (l *lexicon) first(words []string, found *wordSet) string {
	for _, word := range words {
		if n := l.numbers[word]; found[n/64]&(1<<(n%64)) != 0 {
			return word
		}
	}
	return ""
}
