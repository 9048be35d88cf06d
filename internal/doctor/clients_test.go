package doctor

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// TestClientTable wants each condition of clients.json to name something that exists.
func TestClientTable(t *testing.T) {
	t.Parallel()
	known := knownClients()
	if _, err := time.Parse(time.DateOnly, known.AsOf); err != nil {
		t.Error(err)
	}
	var ids, names []string
	for _, r := range rules.Table() {
		ids = append(ids, r.ID)
	}
	for _, c := range known.Clients {
		if slices.Contains(names, c.Name) {
			t.Errorf("%s is in the table twice", c.Name)
		}
		names = append(names, c.Name)
		for _, r := range c.Rules {
			if (r.Check == "") == (r.Fact == "") || r.Check != "" && !slices.Contains(ids, r.Check) || r.Fact != "" && clientFacts()[r.Fact] == nil {
				t.Errorf("%s: no such check or fact: %q %q", c.Name, r.Check, r.Fact)
			}
			if r.Effect != clientRefuses && r.Effect != clientTrouble || r.Why == "" {
				t.Errorf("%s: effect %q, why %q", c.Name, r.Effect, r.Why)
			}
			if u, err := url.Parse(r.Source); err != nil || u.Scheme != "https" {
				t.Errorf("%s: source %q", c.Name, r.Source)
			}
		}
	}
}

// TestClients judges servers for one client: reasons of the vendor fail, those of
// others warn, and other faults change nothing.
func TestClients(t *testing.T) {
	t.Parallel()
	private := func(f *facts.Facts) {
		f.Loopback, f.Network.Addresses[0].Private = false, true
		f.First("foreign origin").Status = 403 // protected, so that nothing else is wrong
	}
	silent := func(f *facts.Facts) {
		*f.First("discover") = facts.Exchange{Probe: "discover", Method: http.MethodPost, URL: f.Target, Failed: "no answer within 5 s", Timing: facts.Millis{Total: 5000}}
	}
	for name, tc := range map[string]struct {
		fault    string
		client   string
		change   func(*facts.Facts)
		severity finding.Severity
		works    string
	}{
		"healthy":                   {"", "Claude Code", nil, finding.Pass, clientWorks},
		"bad schema":                {"bad-schema", "Claude Code", nil, finding.Warn, clientRefuses},
		"bad schema, other client":  {"bad-schema", "Codex", nil, finding.Pass, clientWorks},
		"stream, other client":      {"stream-404", "Claude Code", nil, finding.Pass, clientWorks},
		"stream":                    {"stream-404", "Cursor", nil, finding.Warn, clientTrouble},
		"vendor":                    {"", "claude.ai", private, finding.Fail, clientRefuses},
		"discover has no answer":    {"", "Go SDK", silent, finding.Fail, clientRefuses},
		"cloud client, loopback":    {"", "claude.ai", nil, finding.Skip, ""},
		"handshake fails":           {"bad-gateway", "Cursor", nil, finding.Skip, ""},
		"vendor, but another fault": {"auth-metadata-wrong", "VS Code", nil, finding.Warn, clientRefuses},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := demoFacts(t, demo.Fault{Name: tc.fault})
			if tc.change != nil {
				tc.change(f)
			}
			with, without := Judge(f, Judgement{Client: tc.client}), Judge(f, Judgement{})
			check := with.Checks[len(with.Checks)-1]
			if text := textOf(t, Judge(f, Judgement{Client: tc.client, Short: true, Width: mostWidth})); !strings.Contains(text, tc.client) {
				t.Errorf("the short text lacks the client:\n%s", text)
			}
			if check.ID != "clients.refuses" || check.Severity != tc.severity {
				t.Errorf("%s %s: %s", check.ID, check.Severity, check.Summary)
			}
			works := ""
			for _, v := range without.Clients {
				if v.Name == tc.client {
					works = v.Works
				}
			}
			if works != tc.works {
				t.Errorf("works: %q, want %q", works, tc.works)
			}
			if (tc.severity == finding.Fail) != (with.Report().Outcome != without.Report().Outcome) {
				t.Errorf("outcome %d with --client, %d without", with.Report().Outcome, without.Report().Outcome)
			}
		})
	}
}

// TestClientText names the clients that would refuse the server, with date and source.
func TestClientText(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string][]string{
		"bad-schema": {"· NOTE clients Claude Code drops all tools", "as of " + knownClients().AsOf, "issues/88049"},
		"":           {"no reason to refuse known of Claude Code, VS Code, Cursor", "(what is known is from " + knownClients().AsOf + ")"},
	} {
		f := demoFacts(t, demo.Fault{Name: fault})
		f.At = time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)
		var b strings.Builder
		if err := Judge(f, Judgement{}).Text(&b, report.Painter(false)); err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), text) {
				t.Errorf("%s: no %q in\n%s", fault, text, b.String())
			}
		}
	}
}
