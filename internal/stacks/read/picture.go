package read

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

const maxTitle = 200 // columns of the title of a picture

// storedStacks is the element of a picture of mcpdiag that contains its stacks.
type storedStacks struct {
	Title    string      `xml:"title,attr"`
	Unit     stacks.Unit `xml:"unit,attr"`
	Observed float64     `xml:"samples,attr"`
	Pruned   bool        `xml:"pruned,attr"`
	Encoding string      `xml:"encoding,attr"` // gzip in base64; older pictures have plain text
	Stacks   string      `xml:",chardata"`
}

// readPicture reads the stacks in a picture that mcpdiag drew.
func readPicture(data []byte, _ Options) ([]*stacks.Profile, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil, noStacks(data)
		}
		if err != nil {
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "folded" {
			var s storedStacks
			if err := dec.DecodeElement(&s, &start); err != nil {
				return nil, err
			}
			p, err := s.profile()
			return []*stacks.Profile{p}, err
		}
	}
}

func noStacks(data []byte) error {
	if format := foreign(data); format != "" {
		return errors.New(format)
	}
	return errors.New("there are no stacks in this picture; only pictures of mcpdiag contain them")
}

func (s *storedStacks) profile() (*stacks.Profile, error) {
	text, err := s.text()
	if err != nil {
		return nil, err
	}
	p, err := readFolded(text, "the stacks in it")
	if err != nil {
		return nil, err
	}
	p.Format, p.Unit, p.Observed = Picture, s.Unit, s.Observed
	p.Title = report.Cell(s.Title, maxTitle)
	if s.Pruned {
		p.Warn("the picture contains only the widest frames of its input; (narrower) stands for the others")
	}
	return p, nil
}

func (s *storedStacks) text() (io.Reader, error) {
	switch s.Encoding {
	case "":
		return strings.NewReader(s.Stacks), nil
	case "gzip":
		unzipped, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(strings.TrimSpace(s.Stacks))))
		if err != nil {
			return nil, err
		}
		return io.LimitReader(unzipped, maxWhole), nil
	}
	return nil, fmt.Errorf("its stacks have the encoding %.20q", s.Encoding)
}
