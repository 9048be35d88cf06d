package report

import "strings"

// WrapWords joins words with sep into lines of at most width columns. A word that is
// wider than a line is cut.
func WrapWords(words []string, sep string, width int) []string {
	var lines []string
	for _, word := range words {
		last := len(lines) - 1
		if last >= 0 && Width(lines[last]+sep+word) <= width {
			lines[last] += sep + word
			continue
		}
		lines = append(lines, Cell(word, width))
	}
	return lines
}

// CellEnd is like Cell, but cuts off the beginning of a name that is too wide.
func CellEnd(s string, width int) string {
	if most := 16 * width; len(s) > most { // as in Cell
		s = "…" + strings.ToValidUTF8(s[len(s)-most:], "")
	}
	s = Line(s)
	if Width(s) <= width {
		return s
	}
	end := []rune(s)
	for used := 1; ; used++ { // from the end: a long name is cut in one pass
		if used > len(end) || Width(string(end[len(end)-used:])) > width-1 {
			return "…" + string(end[len(end)-used+1:])
		}
	}
}

// CutWords shortens s to width columns. The cut is between words, and is marked.
func CutWords(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	s = strings.TrimSuffix(Cut(s, width), "…")
	if at := strings.LastIndexByte(s, ' '); at > len(s)/2 {
		s = s[:at]
	}
	return strings.TrimRight(s, " ,;:(") + "…"
}
