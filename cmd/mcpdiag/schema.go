package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/schema"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

func newSchemaCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [COMMAND]",
		Short: "Print the JSON Schema of the snapshot document, or of a command's --format json",
		Long: `schema prints the JSON Schema of the snapshot document or, with the name of a command,
of the document that it writes with --format json: ` + strings.Join(schema.Names(), ", ") + `.

A document has no members but those of its schema in the same version; later versions may
add some.`,
		Example: `  mcpdiag schema > snapshot.schema.json
  mcpdiag schema loadtest
  mcpdiag schema proxy list`,
		ValidArgs: schema.Names(),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				_, err := a.stdout.Write(snapshot.Schema)
				return err
			}
			name := strings.Join(args, " ")
			c := schema.Find(name)
			if c == nil {
				return usagef("no command %q with --format json%s; there are %s",
					name, report.DidYouMean(report.Closest(name, schema.Names())), strings.Join(schema.Names(), ", "))
			}
			s, err := c.Schema()
			if err != nil {
				return err
			}
			return a.write("-", func(w io.Writer) error { return report.WriteJSON(w, s) })
		},
	}
}
