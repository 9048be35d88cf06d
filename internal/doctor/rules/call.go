package rules

import (
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

func judgeCall(f *facts.Facts) opinion {
	if o, none := noTools(f); none {
		return o
	}
	c, x := f.Call, f.First(facts.CallProbe)
	switch {
	case c == nil:
		return skip("no tool is called").flag("--call NAME or --call-read-only").quietly()
	case c.Tool == "":
		return skip("no tool was called: %s", c.Why).missed()
	case !x.WasSent():
		return notAsked(f)
	}
	tool := report.Cell(c.Tool, 64)
	switch {
	case x.Lacks() == facts.LackTime:
		o := unanswered(f, "tools.call", "the call of "+tool, x)
		if o.Severity == finding.Skip {
			return o
		}
		o = o.mildly().fix("if it should be fast, it waits for something, such as a database or a lock; if it may take longer, this is no fault")
		if f.Stdio == nil {
			o = o.fixFlag("--slow-tool " + tool + " waits longer")
		}
		return o
	case x.Lacks() != "":
		return unanswered(f, "tools.call", "the call of "+tool, x)
	case x.Code() == -32602 && c.Made:
		return warn("%s refuses arguments that were made from its own schema", tool).fix("describe in inputSchema what is accepted, or give other arguments").fixFlag("--args").saw(x)
	case x.Code() != 0:
		return fail("calling %s ends with the JSON-RPC error %d", tool, x.Code()).fix("a tool that fails answers with a result that has isError; the log of the server says why").leads(toLogs).saw(x)
	case !x.Result():
		return fail("calling %s gives no result", tool).fix("the log of the server says why").leads(toLogs).saw(x)
	case c.Invalid != "":
		return fail("the answer of %s is not what it promises: clients refuse it", tool).fix("let structuredContent be as outputSchema says").saw(x).noted(c.Invalid)
	case c.IsError:
		return warn("%s says that it failed", tool).fix("its text says why").noted(c.Text)
	}
	return pass("%s answers in %s", tool, report.Millis(x.Timing.Total))
}
