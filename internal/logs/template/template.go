// Package template groups log messages by the text that they share. A [Miner] is a
// fixed-depth parse tree (He, Zhu, Zheng, Lyu: Drain, ICWS 2017): variable words are
// masked first, the tree is walked by length and first words, and a message joins
// the most similar template of its leaf.
package template

import (
	"bytes"
	"container/list"
	"slices"
	"strconv"
	"strings"
)

// Parameters of the tree, those of the paper.
const (
	depth       = 4
	similarity  = 0.4
	maxChildren = 100
	maxWords    = 60
	maxLength   = 1024
	maxLeaf     = 100   // templates of one leaf
	maxNodes    = 20000 // of the whole tree; beyond it new branches share one
)

// Wildcard stands for a word that differs between the messages of a template.
const Wildcard = "<*>"

// Template is a group of messages.
type Template struct {
	Words   []string
	Count   int64
	Example string

	element *list.Element
	leaf    *node
}

func (t *Template) String() string { return strings.Join(t.Words, " ") }

// Miner finds templates. It keeps the Limit most recently used ones.
type Miner struct {
	Limit    int
	OnForget func(*Template) // may be nil

	root    node
	nodes   int
	used    list.List // of *Template, most recent first
	buffer  []byte
	words   []string
	interns map[string]string
}

type node struct {
	children  map[string]*node
	templates []*Template
}

// Add adds a message with the key under which it may be grouped, such as its logger
// and level, and returns its template.
func (m *Miner) Add(key string, message []byte) *Template {
	m.split(message)
	leaf := m.leaf(key)
	if t := leaf.match(m.words); t != nil {
		t.Count++
		m.used.MoveToFront(t.element)
		return t
	}
	t := &Template{Words: append([]string(nil), m.words...), Count: 1, Example: string(message[:min(len(message), maxLength)]), leaf: leaf}
	t.element = m.used.PushFront(t)
	leaf.templates = append(leaf.templates, t)
	switch {
	case len(leaf.templates) > maxLeaf:
		m.forget(leaf.templates[0])
	case m.Limit > 0 && m.used.Len() > m.Limit:
		if oldest, ok := m.used.Back().Value.(*Template); ok {
			m.forget(oldest)
		}
	}
	return t
}

// Touch counts one more message of a template that Add returned; it reports false if
// the template was forgotten in the meantime.
func (m *Miner) Touch(t *Template) bool {
	if t.leaf == nil {
		return false
	}
	t.Count++
	m.used.MoveToFront(t.element)
	return true
}

// All returns the templates, the most recently used first.
func (m *Miner) All() []*Template {
	all := make([]*Template, 0, m.used.Len())
	for e := m.used.Front(); e != nil; e = e.Next() {
		if t, ok := e.Value.(*Template); ok {
			all = append(all, t)
		}
	}
	return all
}

func (m *Miner) forget(t *Template) {
	m.used.Remove(t.element)
	t.leaf.templates = slices.DeleteFunc(t.leaf.templates, func(other *Template) bool { return other == t })
	t.leaf = nil
	if m.OnForget != nil {
		m.OnForget(t)
	}
}

// leaf walks to the node for messages of this key, length and beginning.
func (m *Miner) leaf(key string) *node {
	n := m.child(m.child(&m.root, key), strconv.Itoa(len(m.words)))
	for i := 0; i < depth-2 && i < len(m.words); i++ {
		word := m.words[i]
		if strings.Contains(word, "<") {
			word = Wildcard
		}
		n = m.child(n, word)
	}
	return n
}

// child returns the branch of n for word; a full node has one branch for all others.
func (m *Miner) child(n *node, word string) *node {
	if c, ok := n.children[word]; ok {
		return c
	}
	if len(n.children) >= maxChildren || m.nodes >= maxNodes {
		if word = Wildcard; n.children[word] != nil {
			return n.children[word]
		}
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	c := &node{}
	n.children[word] = c
	m.nodes++
	return c
}

// match returns the most similar template and generalizes it, nil if none is similar enough.
func (n *node) match(words []string) *Template {
	var best *Template
	bestShare := similarity
	for _, t := range n.templates {
		same := 0
		for i, word := range t.Words {
			if word == words[i] {
				same++
			}
		}
		if share := float64(same) / float64(max(1, len(words))); share >= bestShare && (best == nil || share > bestShare) {
			best, bestShare = t, share
		}
	}
	if best != nil {
		for i, word := range words {
			if best.Words[i] != word {
				best.Words[i] = Wildcard
			}
		}
	}
	return best
}

// split cuts a message into masked words. The words are kept once.
func (m *Miner) split(message []byte) {
	message = message[:min(len(message), maxLength)]
	m.words = m.words[:0]
	for word := range bytes.FieldsSeq(message) {
		if len(m.words) == maxWords {
			break
		}
		m.buffer = AppendMasked(m.buffer[:0], word)
		m.words = append(m.words, m.intern(m.buffer))
	}
}

// maxInterns bounds the memory for words; beyond it they are not shared.
const maxInterns = 50000

func (m *Miner) intern(word []byte) string {
	if s, ok := m.interns[string(word)]; ok {
		return s
	}
	s := string(word)
	if m.interns == nil {
		m.interns = map[string]string{}
	}
	if len(m.interns) < maxInterns {
		m.interns[s] = s
	}
	return s
}
