package flame

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// maxWhole bounds the inputs that must be in memory as a whole.
const maxWhole = 512 << 20

// Collector reads inputs of any kind, which it tells by their content, and
// merges them into one profile.
type Collector struct {
	Options FoldOptions
	// Sample names the value to take from a pprof profile that has several.
	Sample string

	folder   *Folder
	profiles []*Profile
	warnings []string
}

// Read reads one input, which errors and warnings call name.
func (c *Collector) Read(r io.Reader, name string) error {
	in := bufio.NewReaderSize(r, 1<<16)
	head, err := in.Peek(1 << 12)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3) // a byte order mark
		head = head[3:]
	}
	switch kind := sniff(head); kind {
	case Trace:
		return c.trace(in, name)
	case "gzip":
		return c.unzip(in, name)
	case "":
		return fmt.Errorf("reading %s: it is empty", name)
	default:
		return c.other(kind, in, name)
	}
}

func (c *Collector) other(kind Kind, in io.Reader, name string) error {
	var p *Profile
	var err error
	switch kind {
	case Stored:
		p, err = ReadSVG(in, name)
	case Speed:
		p, err = ReadSpeedscope(in, name)
	case Protobuf:
		p, err = ReadPprof(in, name, c.Sample)
	default:
		p, err = ReadFolded(in, name)
	}
	if err == nil {
		p.Inputs = []string{name}
		c.profiles = append(c.profiles, p)
	}
	return err
}

func (c *Collector) unzip(in io.Reader, name string) error {
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return c.Read(unzipped, name)
}

// trace folds a trace, or a file that holds one snapshot.
func (c *Collector) trace(in io.Reader, name string) error {
	if c.folder == nil {
		c.folder = NewFolder(c.Options)
	}
	c.folder.Next()
	reader := snapshot.NewReader(in, name)
	for s, err := range reader.All() {
		if err != nil {
			return err
		}
		c.folder.Add(s)
	}
	c.warnings = append(c.warnings, reader.Warnings...)
	return nil
}

// Profile merges what was read. The Collector cannot be used after it.
func (c *Collector) Profile() (*Profile, error) {
	profiles := c.profiles
	if c.folder != nil {
		profiles = append([]*Profile{c.folder.Close()}, profiles...)
	}
	if len(profiles) == 0 {
		return nil, errors.New("there is nothing to draw")
	}
	p := profiles[0]
	for _, w := range c.warnings {
		p.warn("%s", w)
	}
	for _, other := range profiles[1:] {
		p.merge(other)
	}
	return p, nil
}

// merge adds another profile to p.
func (p *Profile) merge(other *Profile) {
	if p.Unit != other.Unit {
		p.warn("one input counts %s and another %s: their sum is neither", p.Unit, other.Unit)
	}
	p.builder = merged(p.builder, other.builder)
	p.Observed += other.Observed
	p.TwoColumns = p.TwoColumns || other.TwoColumns
	p.title = ""
	p.Inputs = append(p.Inputs, other.Inputs...)
	p.Details = append(p.Details, other.Details...)
	for _, w := range other.Warnings {
		p.warn("%s", w)
	}
}

// sniff tells the kind of an input by its first bytes, "" where there are none.
func sniff(head []byte) Kind {
	text := bytes.TrimSpace(head)
	switch {
	case len(head) == 0:
		return ""
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "gzip"
	case notText(head[:min(len(head), 64)]):
		return Protobuf
	case bytes.HasPrefix(text, []byte("<?xml")), bytes.HasPrefix(text, []byte("<svg")):
		return Stored
	case object(text) && speedscope(text):
		return Speed
	case object(text):
		return Trace
	}
	return Folded
}

// notText reports whether there are bytes that no text has. Names of frames may
// hold escape characters, so those prove nothing.
func notText(head []byte) bool {
	return bytes.ContainsFunc(head, func(r rune) bool { return r < '\t' || r > '\r' && r < 0x1b })
}

// object reports whether a JSON object begins here, rather than a frame that is
// called {main}, as those of PHP are.
func object(text []byte) bool {
	rest, brace := bytes.CutPrefix(text, []byte("{"))
	rest = bytes.TrimSpace(rest)
	return brace && (len(rest) == 0 || rest[0] == '"' || rest[0] == '}')
}

// speedscope reports whether a JSON object is a speedscope file rather than a snapshot.
func speedscope(head []byte) bool {
	first := bytes.TrimSpace(head[1:])
	for _, member := range []string{`"$schema"`, `"profiles"`, `"shared"`, `"exporter"`, `"activeProfileIndex"`} {
		if bytes.HasPrefix(first, []byte(member)) {
			return true
		}
	}
	return bytes.Contains(head, []byte("speedscope.app/file-format-schema"))
}

// whole reads an input that cannot be read piece by piece.
func whole(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxWhole+1))
	if err == nil && len(data) > maxWhole {
		err = fmt.Errorf("it is larger than %d MiB", maxWhole>>20)
	}
	return data, err
}
