package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/doctor"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// completionTime is how long a shell waits for the answer of a server.
const completionTime = 2 * time.Second

// complete completes the values of a flag. In a list, divided by commas, that is the
// last one.
func complete(cmd *cobra.Command, flag string, values func() []string) {
	// It fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		directive := cobra.ShellCompDirectiveNoFileComp
		var all []string
		for _, value := range values() {
			if strings.HasPrefix(value, typed[len(before):]) {
				all = append(all, before+value)
			}
			if strings.HasSuffix(value, ">") || strings.HasSuffix(value, ".") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		return all, directive
	})
}

// completeServers completes addresses, in arguments and in --url, with the proxies of
// this user that run.
func (a *app) completeServers(cmd *cobra.Command) {
	running := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		entries, err := a.proxies()
		if err != nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var urls []string
		for _, e := range entries {
			urls = append(urls, cobra.CompletionWithDesc(e.URL, report.Cell(e.Server(), 60)))
		}
		return urls, cobra.ShellCompDirectiveDefault
	}
	cmd.ValidArgsFunction = running
	_ = cmd.RegisterFlagCompletionFunc("url", running) // the flag exists
}

// completeTools completes --tool with the tools of the server that the command line names.
func (a *app) completeTools(cmd *cobra.Command, conn *connection) {
	_ = cmd.RegisterFlagCompletionFunc("tool", func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if url := a.getenv("MCPDIAG_URL"); url != "" && !cmd.Flags().Changed("url") {
			conn.url = url
		}
		operands, _ := splitDash(cmd, args)
		tools, err := a.toolsOf(conn, operands)
		if len(tools) == 0 && err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return tools, cobra.ShellCompDirectiveNoFileComp
	})
}

// toolsOf returns the names of the tools of a server, with their descriptions.
func (a *app) toolsOf(conn *connection, operands []string) ([]string, error) {
	targets, err := conn.targets(operands, mcpPath)
	if err != nil {
		return nil, err
	}
	c, err := conn.open(a, targets[:1], 1)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(a.ctx, completionTime)
	defer cancel()
	session, err := mcp.Connect(ctx, mcp.EndpointOver(c, targets[0]), "")
	if err != nil {
		return nil, err
	}
	defer session.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the server may not allow it
	tools, err := session.Tools(ctx)
	var names []string
	for _, t := range tools {
		// A shell takes the text for its command line: a name that needs quotes is not offered.
		if report.Cell(t.Name, 200) == t.Name && report.ShellWord(t.Name) == t.Name {
			names = append(names, cobra.CompletionWithDesc(t.Name, report.Cell(t.Description, 60)))
		}
	}
	return names, err
}

// completeFrames completes the values of a flag with the widest frames of the files that
// the command line names.
func (f *flamer) completeFrames(cmd *cobra.Command, flag string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(args) == 0:
			args = []string{defaultTrace}
		case slices.Contains(args, "-"): // the shell's own input
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		p, err := f.read(args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		frames, _ := picture.Frames(p.Tree(), 500)
		var names []string
		for _, frame := range frames[min(1, len(frames)):] { // the first one is the root
			if !slices.Contains(names, frame.Name) && report.Cell(frame.Name, 200) == frame.Name && report.ShellWord(frame.Name) == frame.Name {
				names = append(names, frame.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// checksOfDoctor lists the checks and their groups.
func checksOfDoctor() (ids []string) {
	for _, check := range doctor.Listings() {
		if group, _, _ := strings.Cut(check.ID, "."); !slices.Contains(ids, group) {
			ids = append(ids, group)
		}
		ids = append(ids, check.ID)
	}
	return ids
}

// alertBeginnings lists the metrics of alerts, to be followed by a limit.
func alertBeginnings() (all []string) {
	for _, metric := range poll.AlertMetrics() {
		if begin, ok := strings.CutSuffix(metric, "NAME"); ok {
			all = append(all, begin)
		} else {
			all = append(all, metric+">")
		}
	}
	return all
}
