package report

import (
	"encoding/xml"
	"io"
)

// Suite is a JUnit report.
type Suite struct {
	XMLName  xml.Name `xml:"testsuite"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr,omitempty"`
	Seconds  float64  `xml:"time,attr,omitempty"`
	Cases    []Case   `xml:"testcase"`
}

// Case is one test of a Suite.
type Case struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failure *Problem `xml:"failure"`
	Error   *Problem `xml:"error"`
	Skipped *Problem `xml:"skipped"`
	Out     string   `xml:"system-out,omitempty"`
}

// Problem is the reason of a failed, erroneous or skipped test.
type Problem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// Add sanitizes a test, adds it and counts it.
func (s *Suite) Add(c Case) {
	s.Tests++
	for _, p := range []struct {
		problem *Problem
		count   *int
	}{{c.Failure, &s.Failures}, {c.Error, &s.Errors}, {c.Skipped, &s.Skipped}} {
		if p.problem != nil {
			*p.count++
			p.problem.Message, p.problem.Text = Line(p.problem.Message), Text(p.problem.Text)
		}
	}
	c.Class, c.Name, c.Out = Line(c.Class), Line(c.Name), Text(c.Out)
	s.Cases = append(s.Cases, c)
}

// Write writes the report in one call, so that a filter of secrets sees them whole.
func (s *Suite) Write(w io.Writer) error {
	s.Name = Line(s.Name)
	data, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(append([]byte(xml.Header), data...), '\n'))
	return err
}
