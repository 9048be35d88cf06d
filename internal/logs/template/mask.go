package template

import "bytes"

// AppendMasked appends word to dst with its variable part replaced: numbers, also
// with a unit, become <n>, identifiers of eight or more hexadecimal digits <id>,
// addresses <ip>, quoted text <q>, path segments with digits <n>.
func AppendMasked(dst, word []byte) []byte {
	start, end := 0, len(word)
	for start < end && isPunct(word[start]) {
		start++
	}
	for end > start && isPunct(word[end-1]) {
		end--
	}
	core := word[start:end]
	if !hasDigit(core) && !isQuoted(word) {
		return append(dst, word...)
	}
	dst = append(dst, word[:start]...)
	switch eq := bytes.IndexByte(core, '='); {
	case isQuoted(word):
		return append(dst[:len(dst)-start], "<q>"...)
	case isAddress(core):
		dst = append(dst, "<ip>"...)
	case isHex(core):
		dst = append(dst, "<id>"...)
	case eq > 0 && !hasDigit(core[:eq]):
		dst = append(AppendMasked(append(dst, core[:eq+1]...), core[eq+1:]), word[end:]...)
		return dst
	case bytes.IndexByte(core, '/') >= 0:
		dst = appendPath(dst, core)
	default:
		dst = append(dst, "<n>"...)
	}
	return append(dst, word[end:]...)
}

func isPunct(c byte) bool { return bytes.IndexByte([]byte(`()[]{}<>,;:'"`), c) >= 0 }

func isQuoted(word []byte) bool {
	return len(word) > 2 && (word[0] == '"' || word[0] == '\'') && word[len(word)-1] == word[0]
}

func hasDigit(word []byte) bool {
	for _, c := range word {
		if c >= '0' && c <= '9' {
			return true
		}
	}
	return false
}

// isHex reports whether word is an identifier: eight or more hexadecimal digits, with or without dashes.
func isHex(word []byte) bool {
	n := 0
	for _, c := range word {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			n++
		case c != '-':
			return false
		}
	}
	return n >= 8
}

// isAddress recognizes IPv4 addresses, with or without a port, and IPv6.
func isAddress(word []byte) bool {
	dots, colons := 0, 0
	for _, c := range word {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return dots == 3 && colons <= 1 || dots == 0 && colons >= 3
}

// appendPath masks the segments of a path that have a digit.
func appendPath(dst, path []byte) []byte {
	for i, segment := range bytes.Split(path, []byte("/")) {
		if i > 0 {
			dst = append(dst, '/')
		}
		if hasDigit(segment) {
			dst = append(dst, "<n>"...)
		} else {
			dst = append(dst, segment...)
		}
	}
	return dst
}
