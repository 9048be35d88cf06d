package snapshot

import "bytes"

// careful reads lines quickly where they are of the usual shape, and with all care where not.
type careful struct {
	quick quick
	slow  decoder
}

// decode reads the document on a line. The snapshot is the caller's to keep.
func (c *careful) decode(line []byte) (*Snapshot, error) {
	c.quick.arena = c.quick.like()
	s, err := c.text(string(line))
	if err == nil {
		s.Raw = bytes.Clone(bytes.TrimSpace(bytes.TrimPrefix(line, bom)))
	}
	return s, err
}

// text reads the document on a line, into the arena of c.quick and without Raw.
func (c *careful) text(line string) (*Snapshot, error) {
	if s := c.quick.decode(line); s != nil {
		return s, nil
	}
	s, err := c.slow.decode([]byte(line))
	if err == nil {
		s.Raw = nil
	}
	return s, err
}
