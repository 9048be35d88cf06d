package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseTemplate parses a JSON value whose strings may contain actions: {{iter}},
// {{user}}, {{uuid}}, {{now}}, {{pick "a" "b"}}, {{int 1 10}}, {{FEED.COLUMN}} and
// {{FEED "COLUMN"}}. An action that begins with "number" must be its whole string and
// yields a JSON number. The syntax is that of text/template; its control structures
// and functions are not available, since the output must be valid JSON.
func ParseTemplate(value jsontext.Value, feeds []*Feed) (Template, error) {
	b := &templateBuilder{feeds: feeds}
	if err := b.value(jsontext.NewDecoder(bytes.NewReader(value))); err != nil {
		return Template{}, err
	}
	b.flush()
	return Template{Parts: b.parts}, nil
}

// templateBuilder collects the parts of a template.
type templateBuilder struct {
	feeds []*Feed
	parts []Part
	fixed []byte
}

// flush turns the fixed JSON so far into a part.
func (b *templateBuilder) flush() {
	if len(b.fixed) > 0 {
		b.parts = append(b.parts, Part{Fixed: b.fixed})
		b.fixed = nil
	}
}

// value copies one JSON value. Strings become parts.
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

// composite copies an object or an array. Names are not templates.
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
	b.fixed = append(b.fixed, end.String()...)
	return err
}

// text adds a string.
func (b *templateBuilder) text(s string) error {
	pieces, err := parseText(s, b.feeds)
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
			return fmt.Errorf("a number must be the whole string: %q", s)
		case p.Action.Verb == VerbText:
			b.fixed = p.Action.append(b.fixed, nil)
		default:
			b.add(p.Action)
		}
	}
	b.fixed = append(b.fixed, '"')
	return nil
}

func (b *templateBuilder) add(a *Action) {
	b.flush()
	b.parts = append(b.parts, Part{Action: a})
}

// parseText splits a string into fixed text and actions.
func parseText(s string, feeds []*Feed) ([]Part, error) {
	if !strings.Contains(s, "{{") {
		return []Part{{Fixed: []byte(s)}}, nil
	}
	tree := parse.New("template")
	tree.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := tree.Parse(s, "{{", "}}", set); err != nil {
		return nil, fmt.Errorf("%q: %s", s, strings.TrimPrefix(err.Error(), "template: template:1: "))
	}
	if tree.Root == nil || len(set) > 1 {
		return nil, fmt.Errorf("%q: a definition is not possible here", s)
	}
	var parts []Part
	for _, node := range tree.Root.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			parts = append(parts, Part{Fixed: n.Text})
		case *parse.ActionNode:
			a, err := newAction(n.Pipe, feeds)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", n, err)
			}
			parts = append(parts, Part{Action: a})
		default:
			return nil, fmt.Errorf("%s: want %s", n, verbs)
		}
	}
	return parts, nil
}

// word is a name, a number or a quoted string in an action.
type word struct {
	text   string
	quoted bool
}

// words returns the words of an action that is one plain command.
func words(pipe *parse.PipeNode) ([]word, error) {
	if len(pipe.Cmds) != 1 || len(pipe.Decl) > 0 {
		return nil, errors.New("variables and pipes are not possible here")
	}
	var out []word
	for _, arg := range pipe.Cmds[0].Args {
		switch n := arg.(type) {
		case *parse.StringNode:
			out = append(out, word{n.Text, true})
		case *parse.IdentifierNode, *parse.NumberNode, *parse.ChainNode:
			out = append(out, word{text: n.String()})
		default:
			return nil, fmt.Errorf("%s is not a name, a number or a quoted string", n)
		}
	}
	return out, nil
}

const verbs = "iter, user, uuid, now, pick, int, number or FEED.COLUMN"

func newAction(pipe *parse.PipeNode, feeds []*Feed) (*Action, error) {
	list, err := words(pipe)
	if err != nil {
		return nil, err
	}
	a := &Action{}
	if len(list) > 1 && list[0] == (word{text: "number"}) {
		a.Number = true
		list = list[1:]
	}
	first, more := list[0], list[1:]
	if first.quoted {
		a.Verb, a.Words = VerbText, []string{first.text}
		return a, noMore(more)
	}
	a.Verb = Verb(first.text)
	switch a.Verb {
	case VerbIter, VerbUser:
		return a, noMore(more)
	case VerbUUID, VerbNow:
		if a.Number {
			return nil, fmt.Errorf("%s is not a number", a.Verb)
		}
		return a, noMore(more)
	case VerbPick:
		return a, a.choices(more)
	case VerbInt:
		return a, a.bounds(more)
	case VerbText, VerbFeed, VerbJSON:
	}
	return a, a.cell(first.text, more, feeds)
}

func noMore(words []word) error {
	if len(words) > 0 {
		return fmt.Errorf("unexpected %q", words[0].text)
	}
	return nil
}

func (a *Action) choices(words []word) error {
	if len(words) == 0 {
		return errors.New(`pick needs values: {{pick "a" "b"}}`)
	}
	for _, w := range words {
		if v := jsontext.Value(w.text); a.Number && (!json.Valid(v) || v.Kind() != '0') {
			return fmt.Errorf("%q is not a number", w.text)
		}
		a.Words = append(a.Words, w.text)
	}
	return nil
}

func (a *Action) bounds(words []word) error {
	wrong := errors.New("int needs a minimum and a maximum: {{int 1 10}}")
	if len(words) != 2 {
		return wrong
	}
	var err1, err2 error
	a.Low, err1 = strconv.ParseInt(words[0].text, 10, 64)
	a.High, err2 = strconv.ParseInt(words[1].text, 10, 64)
	if err1 != nil || err2 != nil || a.High < a.Low || a.High-a.Low < 0 || a.High-a.Low+1 <= 0 {
		return wrong
	}
	return nil
}

// cell finds the feed and the column of FEED.COLUMN or FEED "COLUMN".
func (a *Action) cell(name string, more []word, feeds []*Feed) error {
	feed, column, ok := strings.Cut(name, ".")
	if !ok && len(more) == 1 && more[0].quoted {
		column, more, ok = more[0].text, nil, true
	}
	if !ok {
		return fmt.Errorf("unknown name %q; want %s", name, verbs)
	}
	i := slices.IndexFunc(feeds, func(f *Feed) bool { return f.Name == feed })
	if i < 0 {
		return fmt.Errorf("the plan has no feed %q", feed)
	}
	a.Verb, a.Feed = VerbFeed, feeds[i]
	if a.Column = slices.Index(a.Feed.Columns, column); a.Column < 0 {
		return fmt.Errorf("feed %s has no column %q; it has %s", feed, column, strings.Join(a.Feed.Columns, ", "))
	}
	return noMore(more)
}
