package snapshot

// documents finds where a document ends and another one follows it on the same
// line, as curl appends them, in one pass over the line and without reading what
// they hold.
type documents struct {
	depth         int
	text, escaped bool // within a string, after a backslash
	closed        bool // a document has ended
	other         bool // there is something on the line besides objects, and no telling what
}

// begins takes in a byte and reports whether a document that follows another one begins with it.
func (d *documents) begins(c byte) bool {
	switch {
	case d.escaped:
		d.escaped = false
	case d.text:
		d.escaped, d.text = c == '\\', c != '"'
	case d.depth == 0:
		return d.between(c)
	case c == '"':
		d.text = true
	case c == '{', c == '[':
		d.depth++
	case c == '}', c == ']':
		d.depth--
		d.closed = true // where depth is 0, which is where it counts
	}
	return false
}

// between takes in a byte that is not within a document.
func (d *documents) between(c byte) bool {
	switch c {
	case '{':
		d.depth++
		return d.closed && !d.other
	case ' ', '\t', '\r', '\n':
	case bom[0], bom[1], bom[2]:
		d.other = d.other || d.closed
	default:
		d.other = true
	}
	return false
}

// last returns where in the next part of a line the last document begins that
// follows another one, or -1.
func (d *documents) last(part []byte) int {
	at := -1
	for i := 0; i < len(part) && !d.other; i++ {
		if d.begins(part[i]) {
			at = i
		}
	}
	return at
}

// cutFirst divides a line after its first document, where another one follows it.
func cutFirst[T string | []byte](line T) (doc, rest T) {
	var d documents
	for i := 0; i < len(line) && !d.other; i++ {
		if d.begins(line[i]) {
			return line[:i], line[i:]
		}
	}
	return line, rest
}
