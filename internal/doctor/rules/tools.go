package rules

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

func toolRules() []Rule {
	list := []string{"protocol.era", "protocol.caps", "session.affinity", "session.header_lost"}
	tools := append(slices.Clone(list), "tools.list")
	return []Rule{
		{ID: "tools.list", Title: "the tools can be listed", shows: true, Needs: list, Fails: true, judge: judgeList, Reference: "MCP tools: listing"},
		{ID: "tools.pagination", Title: "the listing ends", Needs: tools, Fails: true, judge: judgePagination, Reference: "MCP pagination"},
		{ID: "tools.schema", Title: "clients accept the schemas of the tools", Needs: tools, Fails: true, judge: judgeSchemas, Reference: "MCP tools: data types"},
		{ID: "tools.names", Title: "tools have names that clients accept, each its own", Needs: tools, Fails: true, judge: judgeNames, Reference: "MCP tools: tool names"},
		{ID: "tools.order", Title: "tools are always listed in the same order", Needs: tools, judge: judgeOrder, Reference: "MCP 2026-07-28 tools: listing"},
		{ID: "tools.tokens", Title: "the tools leave room in the context of a model", shows: true, Needs: tools, judge: judgeTokens},
		{ID: "tools.text", Title: "names and descriptions hide nothing", Needs: tools, judge: judgeHidden},
		{ID: "tools.call", Title: "a tool can be called", shows: true, Needs: append(tools, "tools.schema"), Fails: true, judge: judgeCall, Reference: "MCP tools: calling"},
		{ID: "tools.annotations", Title: "tools say whether they change anything", Needs: tools, judge: judgeAnnotations},
	}
}

// noTools returns why the rules of tools do not apply, and whether that is so.
func noTools(f *facts.Facts) (opinion, bool) {
	_, announced := f.Entry().Message.Handshake().Capabilities["tools"]
	switch {
	case f.Tools != nil && (len(f.Tools.Tools) > 0 || f.Tools.Cut):
		return opinion{}, false
	case !f.SpeaksLegacy() && !f.SpeaksModern():
		return notAsked(f), true
	case !announced:
		return skip("the server announces no tools"), true
	case f.Tools == nil && f.First("tools/list").Status == 0:
		return notAsked(f), true
	}
	return skip("the server has no tools"), f.Tools != nil
}

func judgeList(f *facts.Facts) opinion {
	o, none := noTools(f)
	x := f.First("tools/list")
	switch {
	case silence(f) == "tools.list":
		return unanswered(f, "tools.list", "tools/list", x).noted("clients ask for this list right after they connect, and have no tools without it")
	case f.Tools != nil && f.Tools.Rejected != "":
		return fail("clients on the TypeScript SDK refuse the list of tools: %s", f.Tools.Rejected).fix("leave out members that have no value, such as nextCursor on the last page").saw(x)
	case none && f.Tools != nil:
		return warn("tools are announced, but there are none").fix("register tools before clients connect, or announce none").saw(x)
	case none:
		return o
	case f.Tools == nil && f.NeedsToken():
		return notAsked(f)
	case f.Tools == nil && x.Result():
		return fail("the result of tools/list is no list of tools: %s", cmp.Or(report.Cell(mcp.RejectedPage(x.Message.Result), maxSaid), "it cannot be read")).fix("answer with an object whose member tools is an array").saw(x)
	case f.Tools == nil:
		return fail("tools/list fails (%s)", failure(x)).fix("the error says why").saw(x)
	case f.Tools.Cut:
		return warn("the listing of tools is larger than doctor reads (it read %s)", report.Plural(int64(len(f.Tools.Tools)), "tool")).fix("offer fewer tools")
	case f.Tools.Pages >= facts.MaxPages && !f.Tools.Ended:
		return warn("the listing of tools has more than %d pages", facts.MaxPages).fix("make pages larger")
	}
	return pass("%s", report.Plural(int64(len(f.Tools.Tools)), "tool"))
}

// failure describes an answer that is no result: by its error, else its status.
func failure(x *facts.Exchange) string {
	if x.Code() != 0 {
		return report.Cell(x.Message.Error.Message, maxSaid)
	}
	return strconv.Itoa(x.Status)
}

func judgePagination(f *facts.Facts) opinion {
	if o, none := noTools(f); none || f.Tools == nil {
		return o
	}
	pages := f.Probe("tools/list")
	if f.Tools.Cursor != "" {
		return fail("the listing of tools has no end: its cursor is %s", f.Tools.Cursor).fix("leave nextCursor out on the last page").saw(pages[max(0, len(pages)-2):]...)
	}
	first := map[string]int{}
	for _, t := range f.Tools.Tools {
		if page, known := first[t.Name]; known && page != t.Page {
			return warn("tool %q is on the pages %d and %d", report.Cell(t.Name, 64), page, t.Page).fix("let the cursor point behind the last tool of a page")
		}
		first[t.Name] = t.Page
	}
	return pass("%s", report.Plural(int64(f.Tools.Pages), "page"))
}

func judgeSchemas(f *facts.Facts) opinion {
	if o, none := noTools(f); none || f.Tools == nil {
		return o
	}
	var broken, doubtful []string
	for _, t := range f.Tools.Tools {
		if t.Name == "" { // tools.names is about it
			continue
		}
		problem, doubt := schemaProblems(t, !f.SpeaksLegacy())
		if problem == "" && f.SpeaksLegacy() {
			problem = t.Rejected
		}
		if problem != "" {
			broken = append(broken, "tool "+t.Label()+": "+problem)
		}
		if doubt != "" {
			doubtful = append(doubtful, "tool "+t.Label()+": "+doubt)
		}
	}
	switch {
	case len(broken) > 0:
		return fail("%s invalid, and some clients then drop all tools: %s", Counted(len(broken), "tool is", "tools are"), broken[0]).fix("correct these tools: what a reference points to must be in the schema itself, the root is an object, and members without a value are left out").noted(broken...)
	case len(doubtful) > 0:
		return warn("%s a schema that some clients refuse", Counted(len(doubtful), "tool has", "tools have")).fix("use a plain object with properties at the root, and $defs instead of remote references").noted(doubtful...)
	}
	return pass("valid")
}

// Counted returns n with the noun for one or for many.
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func judgeNames(f *facts.Facts) opinion {
	if o, none := noTools(f); none || f.Tools == nil {
		return o
	}
	usual := regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	page := map[string]int{}
	var odd []string
	for _, t := range f.Tools.Tools {
		if t.Name == "" {
			return fail("a tool has no name").fix("name it")
		}
		if page[t.Name] == t.Page {
			return fail("two tools are named %q", report.Cell(t.Name, 64)).fix("give each its own name: clients show one of them, or refuse both")
		}
		page[t.Name] = t.Page
		if !usual.MatchString(t.Name) {
			odd = append(odd, report.Cell(t.Name, 80))
		}
	}
	if len(odd) > 0 {
		return warn("%s a name that some clients refuse", Counted(len(odd), "tool has", "tools have")).fix("use 1 to 64 of A-Z a-z 0-9 _ . -").noted(odd...)
	}
	return pass("unique")
}

// Thresholds of the context that tools take, in tokens.
const (
	manyTokens    = 10_000
	tooManyTokens = 25_000
	BytesPerToken = 4
	biggestTools  = 5
)

func judgeTokens(f *facts.Facts) opinion {
	if o, none := noTools(f); none || f.Tools == nil {
		return o
	}
	tokens := f.Tools.Bytes / BytesPerToken
	bySize := slices.SortedFunc(slices.Values(f.Tools.Tools), func(a, b facts.ToolFact) int { return cmp.Compare(b.Bytes, a.Bytes) })
	var biggest []string
	for _, t := range bySize[:min(len(bySize), biggestTools)] {
		biggest = append(biggest, fmt.Sprintf("%s: about %s tokens", t.Label(), report.Count(int64(t.Bytes/BytesPerToken))))
	}
	about := report.Count(int64(tokens))
	switch {
	case tokens > tooManyTokens:
		return warn("the tools take about %s tokens of each conversation; clients warn or drop tools", about).fix("shorten descriptions and schemas, or split the server").noted(biggest...)
	case tokens > manyTokens:
		return warn("the tools take about %s tokens of each conversation", about).fix("shorten the longest descriptions and schemas").noted(biggest...)
	}
	return pass("about %s tokens", about).noted(biggest...)
}

func judgeOrder(f *facts.Facts) opinion {
	if o, none := noTools(f); none || f.Tools == nil {
		return o
	}
	var first []string
	for _, t := range f.Tools.Tools {
		if t.Page == 1 {
			first = append(first, t.Name)
		}
	}
	switch {
	case f.Stdio != nil:
		return skip("listed once over stdio").quietly()
	case f.First("tools/list again").Lacks() != "":
		return unanswered(f, "tools.order", "the second tools/list", f.First("tools/list again"))
	case len(f.Tools.Again) == 0:
		return notAsked(f)
	case slices.Equal(first, f.Tools.Again):
		return pass("the same twice")
	case slices.Equal(slices.Sorted(slices.Values(first)), slices.Sorted(slices.Values(f.Tools.Again))):
		return warn("tools are listed in another order each time: the cache of prompts does not work then").fix("sort them by name").saw(f.First("tools/list"), f.First("tools/list again"))
	}
	return info("the tools changed between two listings").saw(f.First("tools/list"), f.First("tools/list again"))
}

func judgeHidden(f *facts.Facts) opinion {
	if o, none := noTools(f); none || f.Tools == nil {
		return o
	}
	var found []string
	for _, t := range f.Tools.Tools {
		title, _ := t.Annotations["title"].(string)
		texts := []struct{ where, text string }{{"name", t.Name}, {"title", t.Title + title}, {"description", t.Description}, {"inputSchema", textsIn(t.Input)}, {"outputSchema", textsIn(t.Output)}}
		for _, text := range texts {
			if at, r, ok := hiddenRune(text.text); ok {
				found = append(found, fmt.Sprintf("%s, %s: U+%04X at byte %d", t.Label(), text.where, r, at))
			}
		}
	}
	if len(found) > 0 {
		return warn("texts of tools hold characters that people do not see but models read").fix("remove them; if you do not know where they come from, do not use the server").noted(found...)
	}
	return pass("nothing hidden")
}

// textsIn returns JSON without the escapes in which characters may hide.
func textsIn(schema json.RawMessage) string {
	var v any
	if json.Unmarshal(schema, &v) != nil {
		return string(schema)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // to memory
	return b.String()
}

// hiddenRune finds the first character that is invisible or reorders text.
func hiddenRune(text string) (at int, r rune, ok bool) {
	for i, c := range text {
		switch {
		case c == '\n', c == '\r', c == '\t':
		case c < 0x20, c >= 0x7f && c < 0xa0, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069, c == 0x200b, c == 0x2060, c == 0xfeff, c >= 0xe0000 && c <= 0xe007f:
			return i, c, true
		}
	}
	return 0, 0, false
}

func judgeAnnotations(f *facts.Facts) opinion {
	if o, none := noTools(f); none || f.Tools == nil {
		return o
	}
	readOnly, destructive, silent := 0, 0, 0
	for _, t := range f.Tools.Tools {
		switch {
		case t.Annotations["readOnlyHint"] == true:
			readOnly++
		case t.Annotations["destructiveHint"] == true:
			destructive++
		case len(t.Annotations) == 0:
			silent++
		}
	}
	return info("%d read-only, %d destructive, %d without annotations", readOnly, destructive, silent)
}
