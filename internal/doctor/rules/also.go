package rules

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

func alsoRules() []Rule {
	return []Rule{{ID: "also.reach", Title: "the dependencies named with --also can be reached from here", shows: true, Fails: true, judge: judgeAlso}}
}

// judgeAlso applies the rules of the network to each dependency.
func judgeAlso(f *facts.Facts) opinion {
	if len(f.Also) == 0 {
		return skip("no dependency was named").flag("--also")
	}
	var broken, fine []string
	for _, a := range f.Also {
		if problem := alsoProblem(a, f); problem != "" {
			broken = append(broken, a.Name+" ("+a.Target+"): "+problem)
			continue
		}
		fine = append(fine, a.Name)
	}
	if len(broken) > 0 {
		return fail("%s from here", Counted(len(broken), "dependency cannot be reached", "dependencies cannot be reached")).
			fix("start it, or correct its address; if only the server can reach it, run doctor there").leads(toDeps).noted(broken...)
	}
	return pass("%s can be reached from here", joined(fine))
}

// alsoProblem returns why a dependency cannot be reached, or "".
func alsoProblem(a facts.AlsoFact, f *facts.Facts) string {
	below := &facts.Facts{Target: strings.Replace(a.Target, "tls://", "https://", 1), At: f.At, Network: a.Network, Loopback: f.Loopback}
	for _, r := range networkRules() {
		if r.Fails {
			if o := r.judge(below); o.Severity == finding.Fail {
				return o.Summary
			}
		}
	}
	switch {
	case a.Failed != "":
		return a.Failed
	case a.Status >= http.StatusInternalServerError:
		return fmt.Sprintf("it answers %d", a.Status)
	}
	return ""
}
