package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/flame"
)

// flamer is one run of flame.
type flamer struct {
	a       *app
	output  string
	format  choice
	palette choice
	title   string
	frames  int
	icicle  bool
}

func newFlameCmd(a *app) *cobra.Command {
	f := &flamer{a: a}
	cmd := &cobra.Command{
		Use:   "flame [FILE…]",
		Short: "Draw where the time goes, as a flame graph",
		Long: `flame draws where the time goes: each box is a tool call, or a function, on the one
that made it, as wide as the time spent in it.

It reads the traces that mcpdiag poll writes and folded stacks, told apart by what
is in them; several inputs add up, - is standard input, a folder stands for the
files in it. Without one it reads mcpdiag-trace.ndjson.

In a trace, a call stands for half of the time to the poll before and half of that
to the poll after, so that widths are time spent however often was polled. Adding up
the ages of calls would count a call of n polls about n²/2 times.`,
		Example: `  mcpdiag flame > flame.svg
  py-spy record --format raw -o stacks.txt --pid 4711 && mcpdiag flame stacks.txt > flame.svg
  mcpdiag flame trace.ndjson --format folded | flamegraph.pl > theirs.svg`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.output, "output", "o", "-", "write the result to this file")
	choiceVar(cmd, fs, &f.format, "format", "how the result is written", "svg", "folded")
	choiceVar(cmd, fs, &f.palette, "palette", "what the colours mean", "hot", "tool", "state")
	fs.StringVar(&f.title, "title", "", "the title of the picture")
	positiveVar(fs, &f.frames, "max-frames", flame.MaxFrames, "boxes in the picture at most; the widest are kept")
	fs.BoolVar(&f.icicle, "icicle", false, "draw the root on top")
	return cmd
}

func (f *flamer) run(_ *cobra.Command, args []string) error {
	if f.format.value == "svg" && f.output == "-" && f.a.isTerminal(f.a.stdout) {
		return usagef("the picture would go to the terminal; write it to a file: mcpdiag flame -o flame.svg")
	}
	p, err := f.read(args)
	if err != nil {
		return err
	}
	f.a.warn(p.Warnings...)
	for _, detail := range p.Details {
		f.a.debug("%s", detail)
	}
	tree := p.Tree()
	if tree.Total() == 0 {
		return errors.New("there is no time in it: no call was in flight in any poll, or no stack has a weight")
	}
	return f.a.write(f.output, func(w io.Writer) error { return f.render(w, p, tree) })
}

func (f *flamer) render(w io.Writer, p *flame.Profile, tree *flame.Tree) error {
	if f.format.value == "folded" {
		changed, err := tree.WriteFolded(w)
		if changed > 0 {
			f.a.note("%d names were changed, for folded stacks could not hold them", changed)
		}
		return err
	}
	picture := p.Picture(tree)
	picture.Palette, picture.Icicle = flame.Palette(f.palette.value), f.icicle
	if f.title != "" {
		picture.Title = f.title
	}
	return tree.SVG(w, picture, f.frames)
}

func (f *flamer) read(args []string) (*flame.Profile, error) {
	if len(args) == 0 {
		args = []string{defaultTrace}
	}
	var c flame.Collector
	for _, arg := range args {
		files, err := filesOf(arg)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := f.readFile(&c, file); err != nil {
				return nil, err
			}
		}
	}
	return c.Profile()
}

func (f *flamer) readFile(c *flame.Collector, file string) error {
	in, name, err := f.a.openInput(file)
	if errors.Is(err, os.ErrNotExist) && file == defaultTrace {
		return fmt.Errorf(`%w; "mcpdiag poll" writes it`, err)
	}
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	return c.Read(in, name)
}

// filesOf lists the files that an argument stands for: those in a folder, but
// not hidden ones, or itself.
func filesOf(arg string) ([]string, error) {
	info, err := os.Stat(arg)
	if arg == "-" || err != nil || !info.IsDir() {
		return []string{arg}, nil
	}
	entries, err := os.ReadDir(arg)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(arg, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("reading %s: there is no file in this folder", arg)
	}
	return files, nil
}
