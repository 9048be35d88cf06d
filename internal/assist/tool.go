package assist

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/schema"
)

// spec describes a tool. Nothing in it comes from outside.
type spec struct {
	name, title, about string
	heavy              bool          // one such call at a time
	limit              time.Duration // for a call
	loads              bool          // it makes calls of the server's tools
}

// grace is how long a call may take to end when its time is up: many end with a result.
const grace = 3 * time.Second

// progressInterval is the time between notifications of progress.
const progressInterval = time.Second

// add adds a tool. Its structured content is the JSON of Out, whose schema is inferred.
func add[In any, Out finding.Result](s *Server, sp spec, run func(context.Context, *job, In) (Out, error)) {
	yes, no := true, false
	tool := &mcp.Tool{
		Name: sp.name, Title: sp.title, Description: sp.about, InputSchema: inputSchema[In](), OutputSchema: outputSchema[Out](sp),
		Annotations: &mcp.ToolAnnotations{Title: sp.title, ReadOnlyHint: !sp.loads, DestructiveHint: &no, IdempotentHint: !sp.loads, OpenWorldHint: &yes},
	}
	mcp.AddTool(s.mcp, tool, func(ctx context.Context, req *mcp.CallToolRequest, in In) (*mcp.CallToolResult, any, error) {
		began := time.Now()
		out, err := s.call(ctx, sp, req, func(ctx context.Context, j *job) (finding.Result, error) {
			res, err := run(ctx, j, in)
			if err != nil {
				return nil, err // a typed nil would be no nil
			}
			return res, nil
		})
		s.log(sp.name, began, err)
		if err != nil {
			return &mcp.CallToolResult{IsError: true, Content: text(quote(sp.name+" could not be done", err.Error(), maxText, s.secrets))}, nil, nil
		}
		return out, json.RawMessage(out.StructuredContent.(json.RawMessage)), nil
	})
}

func text(s string) []mcp.Content { return []mcp.Content{&mcp.TextContent{Text: s}} }

// inputSchema returns the schema of arguments. Each has a single type, null left out: many
// clients ask no more than that of a schema.
func inputSchema[In any]() *jsonschema.Schema {
	s, err := jsonschema.For[In](nil)
	if err != nil {
		panic(err) // a mistake in the code, which the first test finds
	}
	for _, p := range s.Properties {
		if len(p.Types) == 2 && p.Types[0] == "null" {
			p.Type, p.Types = p.Types[1], nil
		}
	}
	return s
}

// outputSchema returns the schema of a result with the members that encode adds.
func outputSchema[Out any](sp spec) *jsonschema.Schema {
	t := reflect.TypeFor[Out]()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	inferred, err := schema.Infer(t)
	if err != nil {
		panic(fmt.Sprintf("the schema of %s: %v", t, err)) // a mistake in the code, which the first test finds
	}
	depth := schemaDepth
	if sp.loads { // their results are the largest
		depth--
	}
	out := &jsonschema.Schema{Type: "object", Required: inferred.Required, Properties: inferred.Properties}
	for _, p := range out.Properties {
		loosen(p, depth)
	}
	out.Properties[noticeMember] = &jsonschema.Schema{Type: "string"}
	out.Properties[cutMember] = &jsonschema.Schema{Type: "string", Description: "what was left out"}
	return out
}

// schemaDepth is the number of levels of objects below a result that its schema describes:
// all tools together take less than 10,000 tokens of a model's context.
const schemaDepth = 1

// loosen lets objects have further members, and maps be null, as encoding/json writes
// them. It leaves out which members inner objects must have, and the members of objects
// that are deeper than depth.
func loosen(s *jsonschema.Schema, depth int) {
	if s == nil {
		return
	}
	if more := s.AdditionalProperties; more != nil {
		if more.Not != nil { // none
			s.AdditionalProperties = nil
		} else if s.Type == "object" {
			s.Type, s.Types = "", []string{"null", "object"}
		}
	}
	s.PropertyOrder = nil
	if len(s.Properties) > 0 {
		s.Required = nil
		if depth == 0 {
			s.Properties = nil
		}
		depth--
	}
	loosen(s.AdditionalProperties, depth)
	loosen(s.Items, depth)
	for _, p := range s.Properties {
		loosen(p, depth)
	}
}

// job is one call in progress.
type job struct {
	state chan progress
}

type progress struct {
	done, total float64
	text        string
}

// note says how far the call is. total is 0 if it is unknown.
func (j *job) note(done, total float64, text string) {
	for {
		select {
		case j.state <- progress{done, total, text}:
			return
		case <-j.state: // only the newest counts
		}
	}
}

// call runs a tool within its bounds.
func (s *Server) call(ctx context.Context, sp spec, req *mcp.CallToolRequest, run func(context.Context, *job) (finding.Result, error)) (*mcp.CallToolResult, error) {
	leave, err := s.gate.enter(ctx, sp.name, sp.heavy)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, sp.limit)
	defer cancel()
	j := &job{state: make(chan progress, 1)}
	type outcome struct {
		doc finding.Result
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		defer leave() // not before the work has ended, also if nobody waits for it any more
		doc, err := protect(limited, j, run)
		done <- outcome{doc, err}
	}()
	late := time.NewTimer(sp.limit + grace)
	defer late.Stop()
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	last := progress{text: sp.name + " is running"}
	for {
		select {
		case o := <-done:
			switch {
			case o.err != nil && limited.Err() != nil && ctx.Err() == nil:
				return nil, fmt.Errorf("%s took longer than %s, its limit", sp.name, sp.limit)
			case o.err != nil:
				return nil, o.err
			}
			return s.answer(sp, o.doc)
		case <-tick.C:
			last = s.notify(ctx, req, j, last)
		case <-ctx.Done():
			return nil, ctx.Err() // nobody reads it
		case <-late.C:
			return nil, fmt.Errorf("%s took longer than %s, its limit", sp.name, sp.limit)
		}
	}
}

// protect turns a panic into an error: one tool must not end the others.
func protect(ctx context.Context, j *job, run func(context.Context, *job) (finding.Result, error)) (doc finding.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v\n%.1000s", r, debug.Stack())
		}
	}()
	return run(ctx, j)
}

// notify sends the newest state, if the client asked for it, and returns it. Each
// notification must be above the one before, also if nothing is new.
func (s *Server) notify(ctx context.Context, req *mcp.CallToolRequest, j *job, last progress) progress {
	above := last.done + 0.001
	select {
	case last = <-j.state:
	default:
	}
	last.done = max(last.done, above)
	if token := req.Params.GetProgressToken(); token != nil {
		// A client that is gone ends the context.
		_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: last.done, Total: last.total, Message: last.text})
	}
	return last
}

// answer turns a result into an answer of bounded size.
func (s *Server) answer(sp spec, doc finding.Result) (*mcp.CallToolResult, error) {
	structured, err := encode(doc, s.secrets)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := doc.Text(&b, false); err != nil {
		return nil, err
	}
	head := fmt.Sprintf("%s: %s", sp.name, report.Cell(string(doc.Report().Verdict), 60))
	return &mcp.CallToolResult{Content: text(quote(head, b.String(), maxText, s.secrets)), StructuredContent: structured}, nil
}

// log writes a line about a call.
func (s *Server) log(name string, began time.Time, err error) {
	if s.cfg.Log == nil {
		return
	}
	outcome := "done"
	if err != nil {
		outcome = err.Error()
	}
	s.cfg.Log(fmt.Sprintf("%s: %s after %s", name, outcome, time.Since(began).Round(time.Millisecond)))
}
