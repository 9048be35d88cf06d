package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseTemplate reads a JSON value whose strings may hold actions: {{iter}},
// {{user}}, {{uuid}}, {{now}}, {{pick "a" "b"}}, {{int 1 10}}, {{FEED.COLUMN}}. An
// action with "number" before it stands alone in its string and gives a number.
func ParseTemplate(value jsontext.Value, feeds []*Feed) (Template, error) {
	b := &templateBuilder{feeds: feeds}
	dec := jsontext.NewDecoder(bytes.NewReader(value))
	if err := b.value(dec); err != nil {
		return Template{}, err
	}
	b.flush()
	return Template{Parts: b.parts}, nil
}

// templateBuilder gathers the parts of a template.
type templateBuilder struct {
	feeds []*Feed
	parts []Part
	fixed []byte
}

func (b *templateBuilder) flush() {
	if len(b.fixed) > 0 {
		b.parts = append(b.parts, Part{Fixed: b.fixed})
		b.fixed = nil
	}
}

func (b *templateBuilder) value(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case '{', '[':
		return b.composite(dec)
	case '"':
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		return b.text(token.String())
	}
	v, err := dec.ReadValue()
	b.fixed = append(b.fixed, v...)
	return err
}

// composite copies an object or an array, value by value. Names are not templates.
func (b *templateBuilder) composite(dec *jsontext.Decoder) error {
	open, err := dec.ReadToken()
	if err != nil {
		return err
	}
	object := open.Kind() == '{'
	b.fixed = append(b.fixed, open.String()...)
	for n := 0; dec.PeekKind() != '}' && dec.PeekKind() != ']'; n++ {
		if n > 0 {
			b.fixed = append(b.fixed, ',')
		}
		if object {
			name, err := dec.ReadValue()
			if err != nil {
				return err
			}
			b.fixed = append(append(b.fixed, name...), ':')
		}
		if err := b.value(dec); err != nil {
			return err
		}
	}
	end, err := dec.ReadToken()
	if err != nil {
		return err
	}
	b.fixed = append(b.fixed, end.String()...)
	return nil
}

// text takes in a string.
func (b *templateBuilder) text(s string) error {
	pieces, err := splitActions(s, b.feeds)
	if err != nil {
		return err
	}
	if len(pieces) == 1 && pieces[0].Action != nil && pieces[0].Action.Number {
		b.add(pieces[0].Action)
		return nil
	}
	b.fixed = append(b.fixed, '"')
	for _, p := range pieces {
		switch {
		case p.Action == nil:
			b.fixed = appendEscaped(b.fixed, string(p.Fixed))
		case p.Action.Number:
			return fmt.Errorf("a number must stand alone in its string: %q", s)
		case p.Action.Verb == verbText:
			b.fixed = p.Action.append(b.fixed, nil)
		default:
			b.add(p.Action)
		}
	}
	b.fixed = append(b.fixed, '"')
	return nil
}

func (b *templateBuilder) add(a *action) {
	b.flush()
	b.parts = append(b.parts, Part{Action: a})
}

// splitActions cuts a text at its actions.
func splitActions(s string, feeds []*Feed) ([]Part, error) {
	var parts []Part
	for s != "" {
		before, rest, found := strings.Cut(s, "{{")
		if before != "" {
			parts = append(parts, Part{Fixed: []byte(before)})
		}
		if !found {
			break
		}
		words, n, err := scanAction(rest)
		if err != nil {
			return nil, fmt.Errorf("{{%s: %w", shorten(rest), err)
		}
		a, err := newAction(words, feeds)
		if err != nil {
			return nil, fmt.Errorf("{{%s}}: %w", strings.TrimSpace(rest[:n-len("}}")]), err)
		}
		parts = append(parts, Part{Action: a})
		s = rest[n:]
	}
	return parts, nil
}

func shorten(s string) string {
	if len(s) > 20 {
		return strings.ToValidUTF8(s[:20], "") + "…"
	}
	return s
}

// word is a name or a quoted string in an action.
type word struct {
	text   string
	quoted bool
}

// scanAction reads up to }} and says how many bytes that took.
func scanAction(s string) (words []word, n int, err error) {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case strings.HasPrefix(s[i:], "}}"):
			return words, i + len("}}"), nil
		case unicode.IsSpace(rune(c)):
			i++
		case c == '"':
			quoted, err := strconv.QuotedPrefix(s[i:])
			if err != nil {
				return nil, 0, errors.New("a string does not end")
			}
			text, _ := strconv.Unquote(quoted) // QuotedPrefix has checked it
			words = append(words, word{text, true})
			i += len(quoted)
		default:
			end := strings.IndexFunc(s[i:], func(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '}' })
			if end <= 0 {
				return nil, 0, errors.New("}} is missing")
			}
			words = append(words, word{text: s[i : i+end]})
			i += end
		}
	}
	return nil, 0, errors.New("}} is missing")
}

var verbs = "iter, user, uuid, now, pick, int, number or FEED.COLUMN"

func newAction(words []word, feeds []*Feed) (*action, error) {
	a := &action{}
	if len(words) > 1 && words[0] == (word{text: "number"}) {
		a.Number = true
		words = words[1:]
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("it is empty; it wants %s", verbs)
	}
	if words[0].quoted {
		a.Verb, a.Words = verbText, []string{words[0].text}
		return a, noMore(words[1:])
	}
	a.Verb = Verb(words[0].text)
	switch a.Verb {
	case verbIter, verbUser:
		return a, noMore(words[1:])
	case verbUUID, verbNow:
		if a.Number {
			return nil, fmt.Errorf("%s is no number", a.Verb)
		}
		return a, noMore(words[1:])
	case verbPick:
		return a, a.choices(words[1:])
	case verbInt:
		return a, a.bounds(words[1:])
	case verbText, verbFeed, verbJSON:
	}
	return a, a.cell(words[0].text, words[1:], feeds)
}

func noMore(words []word) error {
	if len(words) > 0 {
		return fmt.Errorf("%q is too much", words[0].text)
	}
	return nil
}

func (a *action) choices(words []word) error {
	if len(words) == 0 {
		return errors.New(`pick wants what to pick from: {{pick "a" "b"}}`)
	}
	for _, w := range words {
		if a.Number && !isNumber(w.text) {
			return fmt.Errorf("%q is no number", w.text)
		}
		a.Words = append(a.Words, w.text)
	}
	return nil
}

func isNumber(text string) bool {
	return json.Valid([]byte(text)) && jsontext.Value(text).Kind() == '0'
}

func (a *action) bounds(words []word) error {
	if len(words) != 2 {
		return errors.New("int wants a least and a greatest: {{int 1 10}}")
	}
	var err1, err2 error
	a.Low, err1 = strconv.ParseInt(words[0].text, 10, 64)
	a.High, err2 = strconv.ParseInt(words[1].text, 10, 64)
	if err1 != nil || err2 != nil || a.High < a.Low || a.High-a.Low < 0 || a.High-a.Low+1 <= 0 {
		return errors.New("int wants a least and a greatest: {{int 1 10}}")
	}
	return nil
}

// cell finds the feed and column of FEED.COLUMN.
func (a *action) cell(name string, more []word, feeds []*Feed) error {
	feed, column, ok := strings.Cut(name, ".")
	if !ok {
		return fmt.Errorf("there is no %q; it wants %s", name, verbs)
	}
	i := slices.IndexFunc(feeds, func(f *Feed) bool { return f.Name == feed })
	if i < 0 {
		return fmt.Errorf("the plan has no feed %q", feed)
	}
	a.Verb, a.Feed = verbFeed, feeds[i]
	if a.Column = slices.Index(a.Feed.Columns, column); a.Column < 0 {
		return fmt.Errorf("feed %s has no column %q; it has %s", feed, column, strings.Join(a.Feed.Columns, ", "))
	}
	return noMore(more)
}
