package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/mcp/arguments"
)

// Plan returns the resolved plan: with the steps and their arguments.
func (r *Runner) Plan() *plan.Plan { return r.plan }

// listed is a resource or a prompt of a server.
type listed struct {
	Name      string `json:"name"`
	URI       string `json:"uri"`
	Arguments []struct {
		Name     string `json:"name"`
		Required bool   `json:"required"`
	} `json:"arguments"`
}

// maxListed bounds the resources and the prompts of a generated plan.
const maxListed = 20

// AddListed adds steps for the resources and prompts of the server. It ignores a
// server that does not support them.
func (r *Runner) AddListed(ctx context.Context) {
	session := r.first.Load()
	if session == nil {
		return
	}
	ctx, cancel := client.Within(ctx, r.cfg.Timeout)
	defer cancel()
	for _, resource := range list(ctx, session, "resources") {
		if resource.URI != "" {
			r.plan.Steps = append(r.plan.Steps, plan.Step{Kind: plan.ReadResource, Name: resource.URI, Weight: 1})
		}
	}
	for _, prompt := range list(ctx, session, "prompts") {
		if prompt.Name != "" {
			r.plan.Steps = append(r.plan.Steps, plan.Step{Kind: plan.GetPrompt, Name: prompt.Name, Weight: 1, Args: prompt.arguments()})
		}
	}
}

// Try makes one call of each step, so that a generated plan has only steps that
// work and a threshold that they can hold.
func (r *Runner) Try(ctx context.Context) {
	session := r.first.Load()
	if session == nil {
		return
	}
	vars := &plan.Vars{Users: 1, Rand: plan.NewRand(r.plan.Seed, 3)}
	for i := range r.plan.Steps {
		r.plan.Trials = append(r.plan.Trials, r.try(ctx, session, r.plan.Steps[i].Request(vars)))
	}
}

func (r *Runner) try(ctx context.Context, session *mcp.Session, request *mcp.Request) plan.Trial {
	ctx, cancel := client.Within(ctx, r.cfg.Timeout)
	defer cancel()
	from := time.Now()
	answer, err := session.Do(ctx, request)
	t := plan.Trial{Took: time.Since(from)}
	switch {
	case err != nil:
		t.Why = client.Cause(err).Error()
	case answer.IsError:
		t.Why = "isError: " + answer.Text
	}
	return t
}

// list returns the first page of a listing.
func list(ctx context.Context, s *mcp.Session, kind string) []listed {
	answer, err := s.Do(ctx, &mcp.Request{Method: kind + "/list", Params: jsontext.Value("{}")})
	if err != nil {
		return nil
	}
	var page map[string]json.RawMessage
	var all []listed
	if json.Unmarshal(answer.Result, &page) != nil || json.Unmarshal(page[kind], &all) != nil {
		return nil
	}
	return all[:min(len(all), maxListed)]
}

// arguments returns a text for each required argument of a prompt.
func (l *listed) arguments() plan.Template {
	args := map[string]string{}
	for _, a := range l.Arguments {
		if a.Required {
			args[a.Name] = arguments.Word(len(args))
		}
	}
	data, err := json.Marshal(args)
	if err != nil {
		data = []byte("{}") // not possible: they are texts
	}
	return plan.Fixed(data)
}
