package doctor

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

//go:embed clients.json
var clientsJSON []byte

// clientTable is the document of clients.json, with the date of the last look at it.
type clientTable struct {
	AsOf    string       `json:"as_of"`
	Clients []clientRows `json:"clients"`
}

// clientRows are the conditions under which one client does not work with a server.
type clientRows struct {
	Name  string       `json:"name"`
	Cloud bool         `json:"cloud"` // it connects from the internet
	Stdio bool         `json:"stdio"` // it starts commands, too
	Rules []clientRule `json:"rules"`
}

// clientRule is one condition: a check with at least a severity, or a fact above a bound.
type clientRule struct {
	Check  string           `json:"check"`
	At     finding.Severity `json:"at"` // fail where empty
	Fact   string           `json:"fact"`
	Over   float64          `json:"over"`
	Effect string           `json:"effect"` // works of ClientView
	Why    string           `json:"why"`
	Source string           `json:"source"`
	Vendor bool             `json:"vendor"` // the source is the client's vendor
}

// The values of ClientView.Works.
const (
	clientWorks   = "yes" // no reason to refuse is known
	clientTrouble = "trouble"
	clientRefuses = "no"
)

// ClientView says whether a client is known to work with the server.
type ClientView struct {
	Name    string         `json:"name"`
	Works   string         `json:"works"`
	Reasons []ClientReason `json:"reasons,omitempty"`
	AsOf    string         `json:"as_of"`
}

// ClientReason is why a client does not work with the server.
type ClientReason struct {
	Because string `json:"because"` // the check or the fact
	Why     string `json:"why"`
	Source  string `json:"source"`
	Vendor  bool   `json:"vendor,omitempty"`
}

// knownClients decodes the table, which is part of the program, once.
var knownClients = sync.OnceValue(func() (t clientTable) {
	if err := json.Unmarshal(clientsJSON, &t); err != nil {
		panic(err)
	}
	return t
})

// ClientNames lists the clients of the table.
func ClientNames() []string {
	var names []string
	for _, c := range knownClients().Clients {
		names = append(names, c.Name)
	}
	return names
}

// clientFacts are the figures that the conditions name.
func clientFacts() map[string]func(*facts.Facts) float64 {
	return map[string]func(*facts.Facts) float64{
		"private addresses": func(f *facts.Facts) float64 {
			return float64(len(slices.DeleteFunc(slices.Clone(f.Network.Addresses), func(a facts.Address) bool { return !a.Private })))
		},
		"names without IPv4": func(f *facts.Facts) float64 {
			four := func(a facts.Address) bool {
				addr, err := netip.ParseAddrPort(a.Address)
				return err != nil || addr.Addr().Unmap().Is4()
			}
			if len(f.Network.Addresses) == 0 || slices.ContainsFunc(f.Network.Addresses, four) {
				return 0
			}
			return 1
		},
		"requests server/discover without an answer": func(f *facts.Facts) float64 {
			if f.First("discover").Lacks() == facts.LackTime && f.SpeaksLegacy() {
				return 1
			}
			return 0
		},
		"seconds of initialize": func(f *facts.Facts) float64 { return f.First("initialize").Timing.Total / 1000 },
		"seconds of start": func(f *facts.Facts) float64 {
			if f.Stdio == nil || !f.Stdio.Answered {
				return 0
			}
			return f.Stdio.StartMs / 1000
		},
		"tokens of tools": func(f *facts.Facts) float64 {
			if f.Tools == nil {
				return 0
			}
			return float64(f.Tools.Bytes / rules.BytesPerToken)
		},
	}
}

// judgeClients applies the table. It returns nothing where the handshake fails, since
// then every client fails.
func judgeClients(f *facts.Facts, done []rules.Check) []ClientView {
	if entry := f.Entry(); !entry.Result() && entry.Kind() != facts.KindAuth || !entry.WasSent() {
		return nil
	}
	table := knownClients()
	var views []ClientView
	for _, c := range table.Clients {
		if f.Stdio != nil && !c.Stdio || f.Loopback && c.Cloud {
			continue
		}
		v := ClientView{Name: c.Name, Works: clientWorks, AsOf: table.AsOf}
		for _, r := range c.Rules {
			if !r.holds(f, done) {
				continue
			}
			v.Reasons = append(v.Reasons, ClientReason{Because: r.Check + r.Fact, Why: r.Why, Source: r.Source, Vendor: r.Vendor})
			if v.Works != clientRefuses {
				v.Works = r.Effect
			}
		}
		views = append(views, v)
	}
	return views
}

// holds reports whether the condition is met.
func (r clientRule) holds(f *facts.Facts, done []rules.Check) bool {
	if r.Fact != "" {
		return clientFacts()[r.Fact](f) > r.Over
	}
	return slices.ContainsFunc(done, func(c rules.Check) bool {
		return c.ID == r.Check && (c.Severity == finding.Fail || r.At == finding.Warn && c.Severity == finding.Warn)
	})
}

// clientCheck is the check of --client: it fails only if the client's vendor is the source.
func (r *Result) clientCheck(name string) rules.Check {
	c := rules.Check{Shows: true, Finding: finding.Finding{ID: "clients.refuses", Group: clientGroup, Severity: finding.Skip, Summary: name + " cannot be judged: the handshake fails, or it does not use such servers"}}
	for _, v := range r.Clients {
		if !strings.EqualFold(v.Name, name) {
			continue
		}
		c.Severity, c.Summary = finding.Pass, "no reason is known why "+v.Name+" would refuse the server"
		for _, reason := range v.Reasons {
			c.Evidence = append(c.Evidence, finding.Evidence{Source: reason.Because, Text: reason.Why})
			c.Reference = reason.Source
		}
		switch {
		case v.Works == clientRefuses && slices.ContainsFunc(v.Reasons, func(r ClientReason) bool { return r.Vendor }):
			c.Severity, c.Summary = finding.Fail, v.Name+" refuses the server: it "+v.Reasons[0].Why
		case v.Works == clientRefuses:
			c.Severity, c.Summary = finding.Warn, v.Name+" is said to refuse the server: it "+v.Reasons[0].Why
		case v.Works == clientTrouble:
			c.Severity, c.Summary = finding.Warn, v.Name+" has trouble with the server: it "+v.Reasons[0].Why
		}
	}
	return c
}

// clientGroup is the group of the check of --client.
const clientGroup = "clients"

// staleAfter is the age from which on the table is said to be old.
const staleAfter = 120 * 24 * time.Hour

// clients writes a line for each client that would refuse the server.
func (p *sheet) clients() {
	if len(p.Clients) == 0 {
		return
	}
	var fine []string
	asOf := p.Clients[0].AsOf
	for _, v := range p.Clients {
		switch {
		case v.Name == p.how.Client: // its check says so
		case v.Works == clientWorks:
			fine = append(fine, v.Name)
		default: // it is no warning: the check that it rests on is one
			reason := v.Reasons[0]
			p.labelled(fmt.Sprintf(" %s  %-9s  ", p.paint.Paint(report.Caution, "· NOTE"), clientGroup), headIndent,
				fmt.Sprintf("%s %s (%s; as of %s: %s)", v.Name, reason.Why, reason.Because, v.AsOf, reason.Source))
		}
	}
	if len(fine) > 0 && !p.how.Short && len(p.RootCauses) == 0 {
		old := ""
		if t, err := time.Parse(time.DateOnly, asOf); err == nil && p.At.Sub(t) > staleAfter {
			old = " (what is known is from " + asOf + ")"
		}
		p.head(finding.Pass, clientGroup, "no reason to refuse known of "+strings.Join(fine, ", ")+old)
	}
}
