package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// seconds is a duration flag that accepts 10, as seconds, and 10s.
type seconds time.Duration

func (s *seconds) Set(text string) error {
	d, err := parseDuration(text)
	*s = seconds(d)
	return err
}

func parseDuration(text string) (time.Duration, error) {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		if v >= 0 && v < math.MaxInt64/1e9 {
			return time.Duration(v * float64(time.Second)), nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return d, nil
	}
	return 0, fmt.Errorf("invalid duration %q: write 10, 10s, 1m30s or 500ms", text)
}

func (s *seconds) String() string {
	text := time.Duration(*s).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

func (s *seconds) Type() string { return "duration" }

func durationVar(fs *pflag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	fs.Var((*seconds)(p), name, usage)
}

// bytes64 is a size flag: 64KB, 16MB, 1.5GiB or bytes; K, M and G are powers of 1024.
type bytes64 int64

var units = []struct {
	suffix string
	bytes  float64
}{{"gib", 1 << 30}, {"mib", 1 << 20}, {"kib", 1 << 10}, {"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10},
	{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"b", 1}, {"", 1}}

func (b *bytes64) Set(text string) error {
	lower := strings.ToLower(strings.TrimSpace(text))
	for _, u := range units {
		digits, ok := strings.CutSuffix(lower, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err == nil && v >= 0 && v*u.bytes < 1<<53 {
			*b = bytes64(v * u.bytes)
			return nil
		}
		break
	}
	return fmt.Errorf("invalid size %q: write 64KB, 16MB or 1GB", text)
}

func (b *bytes64) String() string {
	for _, u := range units[3:6] {
		if n := float64(*b) / u.bytes; *b > 0 && n == math.Trunc(n) {
			return strconv.FormatFloat(n, 'f', -1, 64) + strings.ToUpper(u.suffix)
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

func (b *bytes64) Type() string { return "size" }

func sizeVar(fs *pflag.FlagSet, p *int64, name string, value int64, usage string) {
	*p = value
	fs.Var((*bytes64)(p), name, usage)
}

// choice is a flag with a fixed set of values; the first is the default.
type choice struct {
	value   string
	choices []string
}

func (c *choice) Set(text string) error {
	if !slices.Contains(c.choices, text) {
		return fmt.Errorf("invalid value %q: must be one of %s", text, strings.Join(c.choices, ", "))
	}
	c.value = text
	return nil
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.choices, "|") }

func choiceVar(cmd *cobra.Command, fs *pflag.FlagSet, c *choice, name, usage string, choices ...string) {
	*c = choice{value: choices[0], choices: choices}
	fs.Var(c, name, usage)
	// It fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}

// resultFormats are the formats that [app.render] writes any result in.
var resultFormats = []string{"text", "json", "markdown", "junit", "github"}

// formatVar adds the flag --format of a result, whose command may have more formats.
func formatVar(cmd *cobra.Command, fs *pflag.FlagSet, c *choice, more ...string) {
	choiceVar(cmd, fs, c, "format", "format of the result", slices.Concat(resultFormats, more)...)
	shortVar(fs, c)
}

// shortFormat is the format that --short chooses.
const shortFormat = "short"

// short is a flag that chooses a format.
type short struct{ format *choice }

func (s short) Set(text string) error {
	on, err := strconv.ParseBool(text)
	if on {
		s.format.value = shortFormat
	}
	return err
}

func (s short) String() string   { return "false" }
func (s short) Type() string     { return "bool" }
func (s short) IsBoolFlag() bool { return true }

// shortVar adds --short to a command with --format, unless it has one of its own.
func shortVar(fs *pflag.FlagSet, c *choice) {
	if fs.Lookup("short") != nil {
		return
	}
	fs.Var(short{c}, "short", "print the verdict and the worst findings only, for a chat message")
	fs.Lookup("short").NoOptDefVal = "true"
	group(fs, "Output", "short")
	foundMaySet(fs, "short")
}

// limit is an integer flag of 0 or more; 0 is no limit.
type limit int

func (n *limit) Set(text string) error {
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 {
		return fmt.Errorf("invalid value %q: must be a whole number, 0 or more", text)
	}
	*n = limit(v)
	return nil
}

func (n *limit) String() string { return strconv.Itoa(int(*n)) }
func (n *limit) Type() string   { return "n" }

func limitVar(fs *pflag.FlagSet, p *int, name, usage string) { fs.Var((*limit)(p), name, usage) }

// positive is an integer flag of 1 or more.
type positive int

func (n *positive) Set(text string) error {
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 {
		return fmt.Errorf("invalid value %q: must be a whole number, 1 or more", text)
	}
	*n = positive(v)
	return nil
}

func (n *positive) String() string { return strconv.Itoa(int(*n)) }
func (n *positive) Type() string   { return "n" }

func positiveVar(fs *pflag.FlagSet, p *int, name string, value int, usage string) {
	*p = value
	fs.Var((*positive)(p), name, usage)
}
