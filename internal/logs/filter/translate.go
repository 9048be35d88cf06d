package filter

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// token is a word of a condition.
type token struct {
	kind tokenKind
	text string
	at   int // in the condition, in bytes
}

type tokenKind uint8

const (
	wordToken tokenKind = iota
	quotedToken
	spanToken // a duration
	keyToken  // a key of the line, without its point
	otherToken
)

// tokens are tried in this order at each place of a condition.
var tokens = []struct {
	kind    tokenKind
	pattern *regexp.Regexp
}{
	{quotedToken, regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')`)},
	{spanToken, regexp.MustCompile(`^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+\b`)},
	{otherToken, regexp.MustCompile(`^\d+(?:\.\d+)?`)},
	{keyToken, regexp.MustCompile(`^\.[A-Za-z_@$](?:[\w@$/-]|\.[\w@$/-]|\["[^"]*"\])*`)},
	{wordToken, regexp.MustCompile(`^[A-Za-z_]\w*`)},
	{otherToken, regexp.MustCompile(`^(?:=~|!~|==|!=|>=|<=|&&|\|\||.)`)},
}

// split cuts a condition into its words.
func split(condition string) ([]token, error) {
	var list []token
	for at := 0; at < len(condition); {
		rest := condition[at:]
		if strings.ContainsRune(" \t\r\n", rune(rest[0])) {
			at++
			continue
		}
		if rest[0] == '"' && !tokens[0].pattern.MatchString(rest) || rest[0] == '\'' && !tokens[0].pattern.MatchString(rest) {
			return nil, pointAt(condition, at, "the text that begins here has no closing quote")
		}
		for _, t := range tokens {
			text := t.pattern.FindString(rest)
			if text == "" || t.kind == keyToken && len(list) > 0 && list[len(list)-1].isOperand() {
				continue
			}
			list = append(list, token{t.kind, text, at})
			at += len(text)
			break
		}
	}
	return list, nil
}

// isOperand reports whether an operator may follow.
func (t token) isOperand() bool {
	return t.kind == quotedToken || t.kind == spanToken || t.kind == keyToken || t.kind == wordToken && !slices.Contains(operatorWords, t.text) ||
		t.kind == otherToken && (t.text == ")" || t.text == "]" || t.text[0] >= '0' && t.text[0] <= '9')
}

var operatorWords = []string{"and", "or", "not", "in", "contains", "matches", "startsWith", "endsWith"}

// comparisons are the operators whose right side is a value of the left one's type.
var comparisons = []string{"==", "!=", ">=", "<=", ">", "<"}

// translation writes a condition in the language of expr and remembers where each of its
// words came from.
type translation struct {
	condition string
	list      []token
	out       strings.Builder
	runes     int
	places    [][2]int // rune in out, byte in condition
	closers   []string // of the brackets that are open
	nots      []int    // depth of each "not (" that is open
}

func (t *translation) write(text string, at int) {
	if at >= 0 {
		t.places = append(t.places, [2]int{t.runes, at})
	}
	t.out.WriteString(text)
	t.out.WriteByte(' ')
	t.runes += utf8.RuneCountInString(text) + 1
}

// translate returns the condition in the language of expr.
func translate(condition string) (*translation, error) {
	list, err := split(condition)
	if err != nil {
		return nil, err
	}
	t := &translation{condition: condition, list: list}
	for i := range list {
		if err := t.token(i); err != nil {
			return nil, err
		}
	}
	t.closeNots(-1)
	return t, nil
}

func (t *translation) previous(i, back int) token {
	if i-back < 0 {
		return token{kind: otherToken, text: "("}
	}
	return t.list[i-back]
}

// mayLack are the fields that an entry may lack and whose zero value could be one.
var mayLack = []string{"level", "time", "status", "duration"}

// guard writes that both sides of the comparison that begins at i exist: a comparison with a
// missing value is false, and the rest of the condition still counts.
func (t *translation) guard(i int) {
	if i+1 >= len(t.list) || t.list[i+1].text == "!=" || !slices.Contains(comparisons, t.list[i+1].text) {
		return
	}
	for k := i; k < len(t.list) && k <= i+2; k += 2 {
		switch this := t.list[k]; {
		case this.kind == keyToken && strings.HasPrefix(t.rawKey(k), "text("):
			t.write(strings.Replace(t.rawKey(k), "text(", "has(", 1)+" and", -1)
		case this.kind == keyToken:
			t.write(t.rawKey(k)+" != nil and", -1)
		case this.kind == wordToken && slices.Contains(mayLack, this.text):
			t.write("known("+strconv.Quote(this.text)+") and", -1)
		}
	}
}

// token translates one word.
func (t *translation) token(i int) error {
	t.guard(i)
	this, before := t.list[i], t.previous(i, 1)
	switch {
	case this.kind == spanToken:
		t.write("span("+strconv.Quote(this.text)+")", this.at)
	case this.kind == keyToken:
		t.write(t.rawKey(i), this.at)
	case this.kind == quotedToken && !t.comparesLevel(i):
		if t.previous(i, 2).text == "date" && before.text == "(" {
			if _, err := expr.Eval("date("+this.text+")", nil); err != nil {
				return pointAt(t.condition, this.at, "no time; write it as 2026-11-25T09:00:00Z")
			}
		}
		t.write(this.text, this.at)
	case this.kind == quotedToken || this.kind == wordToken && t.comparesLevel(i):
		return t.level(this)
	case this.kind == wordToken && slices.Contains(mayLack, this.text) && before.text == "(" && t.previous(i, 2).text == "exists":
		t.write("known("+strconv.Quote(this.text)+")", this.at)
	case this.kind == wordToken:
		t.word(this, before)
	case this.text == "=":
		return pointAt(t.condition, this.at, "an assignment; compare with ==")
	case this.text == "=~":
		t.write("matches", this.at)
	case this.text == "!~":
		t.write("not matches", this.at)
	default:
		t.bracket(this, before)
	}
	return nil
}

// word writes a name or an operator. Unlike in expr, "not" comes after the comparisons:
// not tool == "search".
func (t *translation) word(this, before token) {
	switch {
	case this.text == "not" && !before.isOperand():
		t.write("not (", this.at)
		t.nots = append(t.nots, len(t.closers))
		return
	case this.text == "and" || this.text == "or":
		t.closeNots(len(t.closers))
	}
	t.write(this.text, this.at)
}

// bracket writes an operator or a bracket; a list behind "in" may have round ones, as in SQL.
func (t *translation) bracket(this, before token) {
	switch {
	case this.text == "(" && before.text == "in" && before.kind == wordToken:
		t.closers = append(t.closers, "]")
		t.write("[", this.at)
		return
	case this.text == "(" || this.text == "[":
		t.closers = append(t.closers, map[string]string{"(": ")", "[": "]"}[this.text])
	case (this.text == ")" || this.text == "]") && len(t.closers) > 0:
		n := len(t.closers) - 1
		t.closeNots(n + 1)
		closer := t.closers[n]
		t.closers = t.closers[:n]
		t.write(closer, this.at)
		return
	case this.text == "&&" || this.text == "||":
		t.closeNots(len(t.closers))
	}
	t.write(this.text, this.at)
}

// closeNots closes the brackets of the nots at a depth; -1 is all.
func (t *translation) closeNots(depth int) {
	for n := len(t.nots); n > 0 && (depth < 0 || t.nots[n-1] >= depth); n-- {
		t.nots = t.nots[:n-1]
		t.write(")", -1)
	}
}

// comparesLevel reports whether the word is a value that level is compared with.
func (t *translation) comparesLevel(i int) bool {
	isLevel := func(k int) bool { return t.previous(i, k).kind == wordToken && t.previous(i, k).text == "level" }
	if slices.Contains(comparisons, t.previous(i, 1).text) {
		return isLevel(2)
	}
	for back := 1; back <= i; back++ { // level in ("warn", "error")
		switch word := t.previous(i, back).text; {
		case word == "in":
			return isLevel(back+1) || t.previous(i, back+1).text == "not" && isLevel(back+2)
		case word != "," && word != "(" && word != "[" && t.previous(i, back).kind == otherToken:
			return false
		}
	}
	return false
}

func (t *translation) level(this token) error {
	name := strings.Trim(this.text, `"'`)
	level := logline.ParseLevel([]byte(name))
	if level == logline.NoLevel {
		return pointAt(t.condition, this.at, fmt.Sprintf("no level %q%s; levels are %s", name, suggest(name, levelNames), strings.Join(levelNames, ", ")))
	}
	t.write(strconv.Itoa(int(level)), this.at)
	return nil
}

var levelNames = []string{"trace", "debug", "info", "notice", "warn", "error", "fatal"}

// otherSide returns the operand that the one at i is compared with, and the operator, "" for none.
func (t *translation) otherSide(i int) (other token, operator string) {
	if i+2 < len(t.list) && slices.Contains(comparisons, t.list[i+1].text) {
		return t.list[i+2], t.list[i+1].text
	}
	if before := t.previous(i, 1); slices.Contains(comparisons, before.text) {
		return t.previous(i, 2), before.text
	}
	return token{}, ""
}

// rawKey calls the function that reads a key of the line as the type that it is compared with.
func (t *translation) rawKey(i int) string {
	function := "raw"
	if before := t.previous(i, 2); before.text == "exists" && t.previous(i, 1).text == "(" {
		function = "has"
	} else if other, operator := t.otherSide(i); operator != "" {
		switch {
		case other.kind == quotedToken:
			function = "text"
		case other.kind == spanToken:
			function = "duration_of"
		case other.kind == otherToken, other.kind == keyToken && operator != "==" && operator != "!=":
			function = "number"
		}
	} else if i+1 < len(t.list) && slices.Contains([]string{"=~", "!~", "contains", "matches", "startsWith", "endsWith", "in", "not"}, t.list[i+1].text) {
		function = "text"
	}
	key := strings.NewReplacer(`["`, ".", `"]`, "").Replace(t.list[i].text[1:])
	return function + "(" + strconv.Quote(key) + ")"
}

// explain returns an error of expr with its place in the condition.
func (t *translation) explain(err error) error {
	var problem *file.Error
	if !errors.As(err, &problem) {
		return pointAt(t.condition, 0, "it is a value, not a condition; compare it, as in status >= 500")
	}
	at := 0
	for _, place := range t.places {
		if place[0] <= problem.From {
			at = place[1]
		}
	}
	message := problem.Message
	if name, unknown := strings.CutPrefix(message, "unknown name "); unknown {
		message = fmt.Sprintf("no field %q%s; fields are %s; a text stands in quotes, a key of the line behind a point: .%s", name, suggest(name, fieldNames), strings.Join(fieldNames, ", "), name)
	} else if types := mismatch.FindStringSubmatch(message); types != nil {
		message = fmt.Sprintf("%s does not compare %s with %s", types[1], typeName(types[2]), typeName(types[3]))
	} else if word := unexpected.FindStringSubmatch(message); word != nil {
		message = "unexpected here"
	} else if strings.HasPrefix(message, "unexpected token EOF") {
		at, message = len(t.condition), "something is missing"
	}
	return pointAt(t.condition, at, message)
}

// Errors of expr about two values that cannot be compared, and a word in the wrong place.
var (
	mismatch   = regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (\S+) and (\S+)\)`)
	unexpected = regexp.MustCompile(`^unexpected token \w+\("`)
)

// typeName describes a type of Go.
func typeName(name string) string {
	switch name {
	case "time.Duration":
		return "a duration such as 1s"
	case "time.Time":
		return `a time such as date("2026-11-25T09:00:00Z")`
	case "int", "float64":
		return "a number"
	case "string":
		return "a text"
	case "bool":
		return "a condition"
	}
	return name
}

func suggest(name string, names []string) string {
	if near := report.Closest(name, names); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ""
}

// pointAt returns an error that names the place in the condition where it is.
func pointAt(condition string, at int, message string) error {
	word, _, _ := strings.Cut(condition[at:], " ")
	where := "at the end"
	if word != "" {
		where = fmt.Sprintf("column %d, at %q", utf8.RuneCountInString(condition[:at])+1, word)
	}
	return fmt.Errorf("condition %q, %s: %s", condition, where, message)
}
