package flame

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

const maxTitle = 200 // columns of a title that came with a picture

// ReadSVG reads the stacks that ride in a picture that mcpdiag drew.
func ReadSVG(r io.Reader, name string) (*Profile, error) {
	dec := xml.NewDecoder(io.LimitReader(r, maxWhole))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading %s: there are no stacks in this picture; only those that mcpdiag draws have them", name)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "folded" {
			return storedStacks(dec, start, name)
		}
	}
}

// stored is the element of a picture that holds its stacks.
type stored struct {
	Title    string  `xml:"title,attr"`
	Unit     Unit    `xml:"unit,attr"`
	Observed float64 `xml:"samples,attr"`
	Pruned   bool    `xml:"pruned,attr"`
	Stacks   string  `xml:",chardata"`
}

func storedStacks(dec *xml.Decoder, start xml.StartElement, name string) (*Profile, error) {
	var s stored
	if err := dec.DecodeElement(&s, &start); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	p, err := ReadFolded(strings.NewReader(s.Stacks), name)
	if err != nil {
		return nil, err
	}
	p.Kind, p.Unit, p.Observed = Stored, s.Unit, s.Observed
	p.title = report.Cell(s.Title, maxTitle)
	if s.Pruned {
		p.warn("%s holds only the widest frames of what it was drawn from; (narrower) stands for the rest", name)
	}
	return p, nil
}
