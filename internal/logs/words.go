package logs

import "fmt"

// maxWords is how many words a vocabulary has at most.
const maxWords = 320

// wordSet is a set of words of a vocabulary.
type wordSet [maxWords / 64]uint64

func (s *wordSet) add(o *wordSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// any reports whether the two sets share a word.
func (s *wordSet) any(o *wordSet) bool {
	for i := range s {
		if s[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

// all reports whether s has every word of o.
func (s *wordSet) all(o *wordSet) bool {
	for i := range s {
		if s[i]&o[i] != o[i] {
			return false
		}
	}
	return true
}

// vocabulary finds all of its words in a text in one pass, in upper and lower case
// (Aho, Corasick: Efficient string matching, CACM 1975).
type vocabulary struct {
	numbers map[string]int // of words
	class   [256]uint8     // of bytes: 0 for those that no word has
	classes int
	next    []uint16  // by state and class
	ends    []wordSet // by state: the words that end there
	final   []bool    // by state: there are some
}

// set returns the set of words, which are in lower case, and adds those that are new.
// It must not be called after link.
func (v *vocabulary) set(words []string) wordSet {
	var s wordSet
	for _, word := range words {
		n, ok := v.numbers[word]
		if !ok {
			if v.numbers == nil {
				v.numbers = map[string]int{}
			}
			n = len(v.numbers)
			v.numbers[word] = n
		}
		if n < maxWords {
			s[n/64] |= 1 << (n % 64)
		}
	}
	return s
}

// link makes the automaton of the words.
func (v *vocabulary) link() error {
	if len(v.numbers) > maxWords {
		return fmt.Errorf("%d words where %d have room", len(v.numbers), maxWords)
	}
	v.classes = 1
	for word := range v.numbers {
		for i := range len(word) {
			if c := word[i]; v.class[c] == 0 {
				v.class[c] = uint8(v.classes)
				v.classes++
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		v.class[c] = v.class[c+'a'-'A']
	}
	v.state()
	for word, n := range v.numbers {
		s := uint16(0)
		for i := range len(word) {
			at := int(s)*v.classes + int(v.class[word[i]])
			if v.next[at] == 0 {
				v.next[at] = v.state()
			}
			s = v.next[at]
		}
		v.ends[s][n/64] |= 1 << (n % 64)
		v.final[s] = true
	}
	v.fail()
	return nil
}

// state adds a state and returns its number.
func (v *vocabulary) state() uint16 {
	n := len(v.ends)
	v.next = append(v.next, make([]uint16, v.classes)...)
	v.ends, v.final = append(v.ends, wordSet{}), append(v.final, false)
	return uint16(n)
}

// fail completes the transitions breadth first: where a word does not go on, the
// state is that of the longest suffix that begins a word.
func (v *vocabulary) fail() {
	suffix := make([]uint16, len(v.ends))
	queue := []uint16{0}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for c := 1; c < v.classes; c++ {
			at, shorter := int(s)*v.classes+c, int(suffix[s])*v.classes+c
			t := v.next[at]
			switch {
			case t == 0 && s != 0:
				v.next[at] = v.next[shorter]
				continue
			case t == 0:
				continue
			case s != 0:
				suffix[t] = v.next[shorter]
			}
			v.ends[t].add(&v.ends[suffix[t]])
			v.final[t] = v.final[t] || v.final[suffix[t]]
			queue = append(queue, t)
		}
	}
}

// find adds the words that text has to found.
func (v *vocabulary) find(text []byte, found *wordSet) {
	s := 0
	for _, c := range text {
		s = int(v.next[s*v.classes+int(v.class[c])])
		if v.final[s] {
			found.add(&v.ends[s])
		}
	}
}
