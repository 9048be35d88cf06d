package read

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// readGoText reads the text of /debug/pprof with debug=1 and other legacy text of
// pprof. The values come from the pprof package; the names stand in comments
// below each sample, which that package ignores.
func readGoText(data []byte, o Options) ([]*stacks.Profile, error) {
	src, err := profile.ParseData(data)
	if err != nil {
		return nil, err
	}
	blocks := goBlocks(data)
	named := len(blocks) == len(src.Sample)
	frames := newPprofFrames(len(data), o.Lines)
	p, err := fromPprof(src, o, func(p *stacks.Profile, i int, s *profile.Sample) (int32, error) {
		if !named || len(blocks[i]) == 0 {
			return frames.under(p, i, s)
		}
		at := stacks.Root
		for _, name := range blocks[i] {
			at = p.Under(at, name)
		}
		return at, nil
	})
	return []*stacks.Profile{p}, err
}

// goBlocks returns the names in the comments below each sample, from the root on.
func goBlocks(data []byte) [][]string {
	sample := regexp.MustCompile(`^\s*\d[\d: ]*(\[[\d: ]+\])? @( 0x[0-9a-f]+)*\s*$`)
	var blocks [][]string
	for line := range bytes.Lines(data) {
		switch {
		case sample.Match(line):
			blocks = append(blocks, nil)
		case len(blocks) > 0 && bytes.HasPrefix(line, []byte("#\t0x")):
			if name := symbol(string(line)); name != "" {
				last := len(blocks) - 1
				blocks[last] = append(blocks[last], name)
			}
		}
	}
	for _, block := range blocks {
		slices.Reverse(block)
	}
	return blocks
}

// symbol returns the function of a comment: "#\t0x43e0d5\truntime.gopark+0xd5\t\tproc.go:398".
func symbol(line string) string {
	fields := strings.Split(line, "\t")
	if len(fields) < 3 {
		return ""
	}
	name := fields[2]
	if at := strings.LastIndex(name, "+0x"); at > 0 {
		name = name[:at]
	}
	return name
}

// readGoStacks reads stacks as a Go program prints them: goroutine?debug=2, a
// panic, SIGQUIT. Each goroutine weighs 1.
func readGoStacks(data []byte, _ Options) ([]*stacks.Profile, error) {
	head := regexp.MustCompile(`^goroutine \d+ (gp=\S+ m=\S+ (mp=\S+ )?)?\[[^\]]+\]:\s*$`)
	p := stacks.NewProfile(GoStacks, "goroutines")
	var stack []int32
	open, function := false, "" // a function counts once its place follows
	add := func() {
		if open && len(stack) > 0 {
			slices.Reverse(stack)
			p.Add(stack, 1)
			p.Observed++
		}
		stack, open, function = stack[:0], false, ""
	}
	for line := range bytes.Lines(data) {
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case head.MatchString(text):
			add()
			open = true
		case text == "":
			add()
		case text[0] != '\t':
			function = text
		case open && strings.HasSuffix(text, "stack unavailable"):
			stack = append(stack, p.ID("(stack unavailable)"))
		case open && function != "" && !strings.HasPrefix(function, "created by ") && !strings.HasPrefix(function, "..."):
			stack = append(stack, p.ID(callee(function)))
			function = ""
		}
	}
	add()
	if p.Observed == 0 {
		return nil, errors.New("it contains no goroutine with a stack")
	}
	return []*stacks.Profile{p}, nil
}

// callee returns the function of a line such as "net/http.(*conn).serve(0xc000, {0x1, 0x2})".
func callee(line string) string {
	if at := strings.LastIndexByte(line, '('); at > 0 && strings.HasSuffix(line, ")") {
		return line[:at]
	}
	return line
}
