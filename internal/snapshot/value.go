package snapshot

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxCount is the largest integer that every JSON reader gets right (2^53).
const maxCount = 1 << 53

// fieldNames are the members that a document can have.
var fieldNames = jsonNames(reflect.TypeFor[Snapshot]())

func jsonNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// array reads an array and calls element for each, which must consume it.
// Anything else is absent.
func (d *decoder) array(path string, element func(i int) error) error {
	if d.dec.PeekKind() != '[' {
		return d.absent(path, "an array")
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; d.dec.PeekKind() != ']'; i++ {
		if err := element(i); err != nil {
			return err
		}
	}
	_, err := d.dec.ReadToken()
	return err
}

// absent skips a value that is not what the field wants; null is simply absent.
func (d *decoder) absent(path, want string) error {
	if d.dec.PeekKind() != 'n' {
		d.warn(path, "is not "+want+"; left out")
	}
	return d.dec.SkipValue()
}

// number reads a number, or a string that holds one. ok is false where the
// value cannot be one, which is warned of unless it is null.
func (d *decoder) number(path string) (v float64, ok bool, err error) {
	kind := d.dec.PeekKind()
	if kind != '0' && kind != '"' {
		return 0, false, d.absent(path, "a number")
	}
	tok, err := d.dec.ReadToken()
	if err != nil {
		return 0, false, err
	}
	v, parseErr := strconv.ParseFloat(tok.String(), 64)
	if parseErr != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		d.warn(path, fmt.Sprintf("is %.40q, which is no number; left out", tok.String()))
		return 0, false, nil //nolint:nilerr // warned of
	}
	if kind == '"' {
		d.warnOnce(path, "is a string that holds a number")
	}
	return v, true, nil
}

// amount reads a figure that is not negative. Beyond 2^53 it can be meant
// neither as MB nor as ms, and sums and medians of it would overflow.
func (d *decoder) amount(path string) (*float64, error) {
	v, ok, err := d.number(path)
	if err != nil || !ok {
		return nil, err
	}
	switch {
	case v < 0:
		d.warn(path, fmt.Sprintf("is %g, below zero; left out", v))
		return nil, nil // absent
	case v > maxCount:
		d.warn(path, fmt.Sprintf("is %g, more than there can be; left out", v))
		return nil, nil // absent
	}
	return &v, nil
}

// count reads a whole number that is not negative.
func (d *decoder) count(path string) (*int64, error) {
	v, ok, err := d.number(path)
	if err != nil || !ok {
		return nil, err
	}
	if v < 0 || v > maxCount || v != math.Trunc(v) {
		d.warn(path, fmt.Sprintf("is %g, which counts nothing; left out", v))
		return nil, nil // absent
	}
	return new(int64(v)), nil
}

func (d *decoder) time(path string) (*Time, error) {
	kind := d.dec.PeekKind()
	if kind != '0' && kind != '"' {
		return nil, d.absent(path, "a time")
	}
	tok, err := d.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	t, err := timeFromString(tok.String())
	if err != nil {
		d.warn(path, err.Error()+"; left out")
		return nil, nil //nolint:nilerr // warned of
	}
	return &t, nil
}

// text reads a string; a number, as JSON-RPC ids are, stands for its digits.
func (d *decoder) text(path string) (string, error) {
	kind := d.dec.PeekKind()
	if kind != '0' && kind != '"' {
		return "", d.absent(path, "a string")
	}
	tok, err := d.dec.ReadToken()
	if err != nil {
		return "", err
	}
	s := clip(tok.String())
	if len(s) < len(tok.String()) {
		d.warnOnce(path, fmt.Sprintf("is longer than %d bytes; cut", MaxName))
	}
	return s, nil
}

func (d *decoder) flag(path string) (bool, error) {
	switch d.dec.PeekKind() {
	case jsontext.KindTrue, jsontext.KindFalse:
		tok, err := d.dec.ReadToken()
		return err == nil && tok.Bool(), err
	}
	return false, d.absent(path, "true or false")
}

// clip cuts s to MaxName bytes, not inside a character, and mends invalid UTF-8.
func clip(s string) string {
	if len(s) > MaxName {
		n := MaxName
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
