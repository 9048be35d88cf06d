// Package report formats output: tables, units, charts, pages, sanitized foreign
// text, and files that appear whole.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Line sanitizes foreign text for one line: every character that could move the
// cursor, reorder the line or end it becomes a visible escape.
func Line(s string) string { return sanitize(s, false) }

// Text is Line for text of several lines: \n and \t stay.
func Text(s string) string { return sanitize(s, true) }

// Commands that CI systems obey in the output of a job. GitHub Actions takes
// ::error::text at the beginning of a line; it, Azure Pipelines and TeamCity take
// ##[error]text, ##vso[task.x]text and ##teamcity[x] anywhere in a line.
var (
	command        = regexp.MustCompile(`(?m)^([\pZ\t]*):(:[A-Za-z-]+[^\n]*?::)`)
	bracketCommand = regexp.MustCompile(`##([A-Za-z]*)\[`)
)

func sanitize(s string, lines bool) string {
	s = visibleControls(s, lines)
	if strings.Contains(s, "::") {
		s = command.ReplaceAllString(s, `${1}\x3a${2}`)
	}
	if strings.Contains(s, "##") {
		s = bracketCommand.ReplaceAllString(s, `#\x23${1}[`)
	}
	return s
}

func visibleControls(s string, lines bool) string {
	stays := func(r rune) bool { return lines && (r == '\n' || r == '\t') || !dangerous(r) }
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !stays(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case stays(r):
			b.WriteRune(r)
		default:
			b.WriteString(visible(r))
		}
		i += size
	}
	return b.String()
}

// dangerous reports whether r has an effect instead of a glyph: controls (C0, DEL,
// C1), line and paragraph separators, format characters such as bidirectional
// overrides and the byte order mark, and noncharacters.
func dangerous(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return true
	case r < 0x7f:
		return false
	case r == '\u200c', r == '\u200d': // joiners: letters and emoji need them
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r&0xfffe == 0xfffe
}

func visible(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// columns measures widths independently of the locale, unlike the default of
// go-runewidth.
var columns = &runewidth.Condition{}

// Width returns the number of terminal columns of s.
func Width(s string) int { return columns.StringWidth(s) }

// Cut shortens s to width columns and marks the cut with "…".
func Cut(s string, width int) string { return columns.Truncate(s, width, "…") }

// Cell sanitizes a foreign name for one line and cuts it to width columns.
func Cell(s string, width int) string {
	if len(s) > 16*width { // no character takes more bytes a column
		s = strings.ToValidUTF8(s[:16*width], "") + "…"
	}
	return Cut(Line(s), width)
}

// JSONWriter escapes characters that encoding/json leaves raw although a terminal
// obeys them, such as DEL, C1 and bidirectional overrides, and invalid UTF-8. They
// occur only in strings, so the values stay the same.
type JSONWriter struct {
	w    io.Writer
	rest []byte // an incomplete character at the end of the last write
	out  []byte
	hash int // trailing #, ignoring letters after two of them
}

// NewJSONWriter returns a JSONWriter to w.
func NewJSONWriter(w io.Writer) *JSONWriter { return &JSONWriter{w: w} }

// WriteJSON writes v as an indented document that is safe to show on a terminal.
func WriteJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(NewJSONWriter(w))
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Write implements io.Writer.
func (j *JSONWriter) Write(p []byte) (int, error) {
	j.rest = append(j.rest, p...)
	in := j.rest
	j.out = j.out[:0]
	for len(in) > 0 && utf8.FullRune(in) {
		r, size := utf8.DecodeRune(in)
		switch {
		case r == utf8.RuneError && size == 1:
			j.out = append(j.out, `\ufffd`...) // as decoders read it
		case r == '[' && j.hash >= 2:
			j.out = append(j.out, `\u005b`...) // a command of a CI system: see bracketCommand
		case r >= 0x7f && dangerous(r) && r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			j.out = fmt.Appendf(j.out, `\u%04x\u%04x`, hi, lo)
		case r >= 0x7f && dangerous(r):
			j.out = fmt.Appendf(j.out, `\u%04x`, r)
		default:
			j.out = append(j.out, in[:size]...)
		}
		j.follow(r)
		in = in[size:]
	}
	j.rest = append(j.rest[:0], in...)
	_, err := j.w.Write(j.out)
	return len(p), err
}

// follow counts the # before the next character.
func (j *JSONWriter) follow(r rune) {
	switch {
	case r == '#':
		j.hash++
	case j.hash < 2 || !isLetter(r):
		j.hash = 0
	}
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
