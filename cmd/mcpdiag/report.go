package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
)

func newReportCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "report DIR",
		Short:   "Render the report of a leak test again",
		Long:    `report reads verdict.json in the folder of a leak test and writes report.html there.`,
		Example: `  mcpdiag report mcpdiag-leaktest`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("give the folder of one leak test, such as mcpdiag-leaktest")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			res, err := leaktest.Load(a.ctx, args[0])
			if err != nil {
				return err
			}
			dir := args[0]
			if filepath.Base(dir) == leaktest.VerdictFile {
				dir = filepath.Dir(dir)
			}
			if err := leaktest.Remake(dir, res); err != nil {
				return err
			}
			a.note("wrote %s", filepath.Join(dir, leaktest.ReportFile))
			return nil
		},
	}
}
