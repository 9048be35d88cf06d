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

// value is a flag of a type of its own.
type value[T any] struct {
	to    *T
	kind  string // a word for its values in the help
	parse func(text string) (T, error)
	show  func(T) string // the default in the help
}

func (v value[T]) Set(text string) error {
	parsed, err := v.parse(text)
	if err == nil {
		*v.to = parsed
	}
	return err
}

func (v value[T]) String() string { return v.show(*v.to) }
func (v value[T]) Type() string   { return v.kind }

// durationVar adds a flag that accepts 10, as seconds, and 10s.
func durationVar(fs *pflag.FlagSet, p *time.Duration, name string, d time.Duration, usage string) {
	*p = d
	fs.Var(value[time.Duration]{p, "duration", parseDuration, showDuration}, name, usage)
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

func showDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// sizeVar adds a flag of a size: 64KB, 16MB, 1.5GiB or bytes; K, M and G are powers of 1024.
func sizeVar(fs *pflag.FlagSet, p *int64, name string, size int64, usage string) {
	*p = size
	fs.Var(value[int64]{p, "size", parseSize, showSize}, name, usage)
}

var units = []struct {
	suffix string
	bytes  float64
}{{"gib", 1 << 30}, {"mib", 1 << 20}, {"kib", 1 << 10}, {"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10},
	{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"b", 1}, {"", 1}}

func parseSize(text string) (int64, error) {
	lower := strings.ToLower(strings.TrimSpace(text))
	for _, u := range units {
		digits, ok := strings.CutSuffix(lower, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err == nil && v >= 0 && v*u.bytes < 1<<53 {
			return int64(v * u.bytes), nil
		}
		break
	}
	return 0, fmt.Errorf("invalid size %q: write 64KB, 16MB or 1GB", text)
}

func showSize(size int64) string {
	for _, u := range units[3:6] {
		if n := float64(size) / u.bytes; size > 0 && n == math.Trunc(n) {
			return strconv.FormatFloat(n, 'f', -1, 64) + strings.ToUpper(u.suffix)
		}
	}
	return strconv.FormatInt(size, 10)
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
	complete(cmd, name, func() []string { return choices })
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

// shortVar adds --short to a command with --format, unless it has one of its own.
func shortVar(fs *pflag.FlagSet, c *choice) {
	if fs.Lookup("short") != nil {
		return
	}
	fs.BoolFunc("short", "print the verdict and the worst findings only, for a chat message", func(text string) error {
		on, err := strconv.ParseBool(text)
		if on {
			c.value = shortFormat
		}
		return err
	})
	group(fs, "Output", "short")
	foundMaySet(fs, "short")
}

// limitVar adds a flag of a whole number; 0, the default, is no limit.
func limitVar(fs *pflag.FlagSet, p *int, name, usage string) { wholeVar(fs, p, 0, name, usage) }

// positiveVar adds a flag of a whole number of 1 or more. Its default may be 0.
func positiveVar(fs *pflag.FlagSet, p *int, name string, n int, usage string) {
	*p = n
	wholeVar(fs, p, 1, name, usage)
}

func wholeVar(fs *pflag.FlagSet, p *int, least int, name, usage string) {
	parse := func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least {
			return 0, fmt.Errorf("invalid value %q: must be a whole number, %d or more", text, least)
		}
		return n, nil
	}
	fs.Var(value[int]{p, "n", parse, strconv.Itoa}, name, usage)
}

// Marks are annotations of flags, set next to their definitions.
const (
	foundMark = "mcpdiag_found" // an auto-discovered config file may set the flag
	pathMark  = "mcpdiag_path"  // its value names a file or a folder
	groupMark = "mcpdiag_group" // heading in the help
)

// foundMaySet lets an auto-discovered config file set the named flags. A flag
// must not be marked if its value can choose a path, the target of a load or the
// receiver of credentials, open a listener or harm a server.
func foundMaySet(fs *pflag.FlagSet, names ...string) { mark(fs, foundMark, "", names) }

// paths marks the named flags as names of files or folders. No auto-discovered
// config file sets them, whatever other marks they have.
func paths(fs *pflag.FlagSet, names ...string) { mark(fs, pathMark, "", names) }

// group puts the named flags under a heading of the help.
func group(fs *pflag.FlagSet, heading string, names ...string) { mark(fs, groupMark, heading, names) }

func mark(fs *pflag.FlagSet, key, value string, names []string) {
	for _, name := range names {
		if err := fs.SetAnnotation(name, key, []string{value}); err != nil {
			panic(err) // the flag does not exist: a mistake in this package, as a flag that is defined twice is
		}
	}
}

func isMarked(f *pflag.Flag, key string) bool { return f.Annotations[key] != nil }

// mayBeFound reports whether an auto-discovered config file may set f.
func mayBeFound(f *pflag.Flag) bool { return isMarked(f, foundMark) && !isMarked(f, pathMark) }
