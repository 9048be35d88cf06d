package snapshot

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// MaxCount is the largest integer that every JSON reader represents exactly (2^53).
const MaxCount = 1 << 53

// absent skips a value of the wrong kind, with a warning unless it is null.
func (d *decoder) absent(want string) error {
	raw, err := d.raw()
	if err == nil {
		d.wrongKind(raw, want)
	}
	return err
}

func (d *decoder) wrongKind(raw []byte, want string) {
	if raw[0] != 'n' {
		d.warn("is not " + want + "; omitted")
	}
}

func isNumber(raw []byte) bool { return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' }

// unquote returns the text of a string.
func unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	text, _ := jx.DecodeBytes(raw).StrBytes() // it is valid
	return text
}

// float reads a number, or a string that holds one. ok is false for a value that
// cannot be one.
func (d *decoder) float() (v float64, ok bool, err error) {
	raw, err := d.raw()
	if err != nil {
		return 0, false, err
	}
	if v, ok := decimal(raw); ok {
		return v, true, nil
	}
	text := string(raw)
	switch {
	case raw[0] == '"':
		text = string(unquote(raw))
	case !isNumber(raw):
		d.wrongKind(raw, "a number")
		return 0, false, nil
	}
	v, err = strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		d.warn(fmt.Sprintf("is %.40q, which is not a number; omitted", text))
		return 0, false, nil //nolint:nilerr // it is a warning
	}
	if raw[0] == '"' {
		d.warnOnce("is a string that holds a number")
	}
	return v, true, nil
}

// powers are the powers of ten that a float64 represents exactly and a decimal needs.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// decimal converts a JSON number of at most 15 digits, without sign and exponent: as the
// quotient of two exact numbers it is exact.
func decimal(number []byte) (float64, bool) {
	if len(number) > 16 {
		return 0, false
	}
	digits, point := int64(0), len(number)-1
	for i, c := range number {
		switch {
		case c >= '0' && c <= '9':
			digits = 10*digits + int64(c-'0')
		case c == '.':
			point = i
		default:
			return 0, false
		}
	}
	return float64(digits) / powers[len(number)-1-point], digits < 1e15
}

// amount reads a number that is not negative. Amounts above 2^53 are not
// plausible in any unit, and sums of them would overflow.
func (d *decoder) amount() (*float64, error) {
	v, ok, err := d.float()
	switch {
	case err != nil || !ok:
		return nil, err
	case v < 0:
		d.warn(fmt.Sprintf("is %g, below zero; omitted", v))
		return nil, nil // absent
	case v > MaxCount:
		d.warn(fmt.Sprintf("is %g, above the limit of 2^53; omitted", v))
		return nil, nil // absent
	}
	return d.amounts.put(v), nil
}

// count reads a whole number that is not negative.
func (d *decoder) count() (*int64, error) {
	v, ok, err := d.float()
	if err != nil || !ok {
		return nil, err
	}
	if v < 0 || v > MaxCount || v != math.Trunc(v) {
		d.warn(fmt.Sprintf("is %g, not a count; omitted", v))
		return nil, nil // absent
	}
	return d.counts.put(int64(v)), nil
}

func (d *decoder) time() (*Time, error) {
	raw, err := d.raw()
	if err != nil {
		return nil, err
	}
	if t, ok := timeOfMillis(raw); ok {
		return d.times.put(t), nil
	}
	switch {
	case raw[0] == '"':
		raw = unquote(raw)
	case !isNumber(raw):
		d.wrongKind(raw, "a time")
		return nil, nil // absent
	}
	t, err := timeFromString(string(raw))
	if err != nil {
		d.warn(err.Error() + "; omitted")
		return nil, nil //nolint:nilerr // warned of
	}
	return d.times.put(t), nil
}

// text reads a string; a number, as JSON-RPC ids can be, stands for its digits.
func (d *decoder) text() (string, error) {
	raw, err := d.raw()
	if err != nil {
		return "", err
	}
	switch {
	case raw[0] == '"':
		raw = unquote(raw)
	case !isNumber(raw):
		d.wrongKind(raw, "a string")
		return "", nil
	}
	if len(raw) > MaxName {
		d.warnOnce(fmt.Sprintf("is longer than %d bytes; cut", MaxName))
	}
	return d.recent.string(raw), nil
}

func (d *decoder) flag() (bool, error) {
	raw, err := d.raw()
	if err != nil {
		return false, err
	}
	if raw[0] != 't' && raw[0] != 'f' {
		d.wrongKind(raw, "true or false")
	}
	return raw[0] == 't', nil
}

// recentStrings caches names and ids, by their hash: the lines of a trace repeat them.
type recentStrings []struct {
	text     string
	document uint32 // the last one with a call of this id
}

// Sizes of the cache for one document and for a trace.
const fewStrings, manyStrings = 1 << 6, 1 << 12

func slotOf[T string | []byte](r recentStrings, text T) int {
	hash := uint32(2166136261) // FNV-1a
	for i := max(0, len(text)-16); i < len(text); i++ {
		hash = (hash ^ uint32(text[i])) * 16777619
	}
	return int(hash>>8) & (len(r) - 1)
}

// string returns raw as a string, clipped.
func (r recentStrings) string(raw []byte) string {
	slot := &r[slotOf(r, raw)]
	if slot.text != string(raw) {
		s := Clip(string(raw))
		if len(s) != len(raw) {
			return s
		}
		slot.text, slot.document = s, 0
	}
	return slot.text
}

// repeated reports whether id was seen before in a document. It may miss one whose slot
// another id has taken.
func (r recentStrings) repeated(id string, document uint32) bool {
	slot := &r[slotOf(r, id)]
	if slot.text != id {
		slot.text, slot.document = id, 0
	}
	again := slot.document == document
	slot.document = document
	return again
}

// slab allocates values in blocks. A snapshot points to each of its figures.
type slab[T any] struct{ block []T }

func (s *slab[T]) put(v T) *T {
	if len(s.block) == cap(s.block) {
		s.block = make([]T, 0, 64)
	}
	s.block = append(s.block, v)
	return &s.block[len(s.block)-1]
}

func orZero[T any](v *T, err error) (T, error) {
	if v == nil {
		return *new(T), err
	}
	return *v, err
}

// Clip cuts s to MaxName bytes, between characters, and replaces invalid UTF-8.
func Clip(s string) string {
	if len(s) > MaxName {
		n := MaxName
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
