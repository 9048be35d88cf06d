package rules

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// unanswered judges x, which has no whole answer, for the check with an id. The cause is
// named once, by the check of the request that each client sends.
func unanswered(f *facts.Facts, id, what string, x *facts.Exchange) opinion {
	if cause := silence(f); cause != "" && cause != id {
		return skip("%s has no answer either", what).because(cause)
	}
	o := fail("%s %s", what, lacking(f, x)).saw(x)
	switch x.Lacks() {
	case facts.LackTime:
		o = o.fix("the server still works on it, or waits for something, such as a database or a lock: its log may say for what")
		if f.Stdio != nil { // a command has no address to poll
			return o
		}
		return o.leads(toSnapshot)
	case facts.LackHalf:
		return o.fix("let Content-Length be the number of bytes that are sent; if it is, the server or a proxy ends the connection too early: their logs say why").leads(toLogs)
	case facts.LackEmpty:
		if on := f.AnswersOnGet(); on != nil && x.Status == http.StatusAccepted {
			return o.fix("answer the POST itself with 200 and the result, as JSON or as events: 202 is for notifications").saw(on)
		}
		return o.fix("answer with 200 and the result, as JSON or as events: 202 and empty answers are for notifications")
	}
	return o.fix("the server, or a proxy before it, ends the connection, perhaps because the request makes it crash: its log says why").leads(toLogs)
}

// silence returns the check that names why requests have no answer, "" if one alone has none.
func silence(f *facts.Facts) string {
	_, announced := f.Entry().Message.Handshake().Capabilities["tools"]
	switch {
	case announced && f.First("tools/list").Lacks() != "":
		return "tools.list"
	case f.Stdio == nil && f.First("latency").Lacks() != "":
		return "http.latency"
	}
	return ""
}

// lacking describes the missing or incomplete answer of x.
func lacking(f *facts.Facts, x *facts.Exchange) string {
	got, announced := report.Count(int64(x.Size)), x.Header.Get("Content-Length")
	if n, err := strconv.ParseInt(announced, 10, 64); err == nil && n > 0 {
		got += " of " + report.Count(n)
	}
	got += " bytes"
	waited := fmt.Sprintf("%.0f s", x.Timing.Total/1000)
	switch x.Lacks() {
	case facts.LackTime:
		if x.Size > 0 {
			return "has half an answer: only " + got + " within " + waited
		}
		return "has no answer within " + waited
	case facts.LackHalf:
		return "has half an answer: the connection closed after " + got
	case facts.LackEmpty:
		switch {
		case x.Status == http.StatusAccepted && f.AnswersOnGet() != nil:
			return "has no answer: answers come on the event stream of GET, after a 202, where many clients do not look"
		case x.IsStream():
			return "has no answer: its event stream ends without one"
		}
		return fmt.Sprintf("has no answer: only the status %d, with an empty body", x.Status)
	}
	if f.Stdio != nil {
		return "has no answer: the server " + ending(f.Stdio) + said(f.Stdio)
	}
	why, _, _ := strings.Cut(cmp.Or(x.Failed, "the connection closed"), "; ")
	why, _, _ = strings.Cut(why, " while ")
	return "has no answer: " + why
}

// unknown is the opinion of a rule whose probe x has no answer.
func unknown(f *facts.Facts, x *facts.Exchange) opinion {
	if x.Lacks() == "" {
		return notAsked(f)
	}
	o := skip("not known: the request %s", lacking(f, x)).saw(x)
	if cause := silence(f); cause != "" {
		return o.because(cause)
	}
	return o.missed()
}

// mildly makes a failure a warning: no client sends such a request by itself.
func (o opinion) mildly() opinion {
	if o.Severity == finding.Fail {
		o.Severity = finding.Warn
	}
	return o
}
