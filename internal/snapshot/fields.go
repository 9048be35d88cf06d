package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Unit is the unit of a figure.
type Unit string

// Units. MB is 2^20 bytes.
const (
	Count  Unit = "count"
	MB     Unit = "MB"
	Millis Unit = "ms"
)

// Base is the size of the unit in Prometheus' base units: bytes and seconds.
func (u Unit) Base() float64 {
	switch u {
	case MB:
		return 1 << 20
	case Millis:
		return 1e-3
	case Count:
	}
	return 1
}

// Field describes a member of the document, or a figure derived from members.
// Figures are numbers: they have a Value.
type Field struct {
	Name string // in the document
	Unit Unit

	// Value returns the figure, and whether the document gives it. A time is in
	// milliseconds since 1970.
	Value func(*Snapshot) (float64, bool)
	// Set sets the figure. It is nil for figures that foreign formats cannot give.
	Set func(*Snapshot, float64)

	Alert   string // its name in alerts, "" if it cannot be watched
	Rank    int    // its position in a comparison, 0 if it is not compared
	PerCall bool   // a comparison divides it by the calls made in between

	Metric  string   // its Prometheus metric, without "mcpdiag_"; "" for none
	Help    string   // of that metric
	Sources []string // metrics of other exporters that mean the same, the preferred first

	read    func(*decoder, *Snapshot) error             // nil for derived figures
	restart func(before, after float64) (reason string) // returns why such a change means a restart
}

// Total reports whether the figure only grows while the process runs.
func (f *Field) Total() bool { return strings.HasSuffix(f.Metric, "_total") }

// Figures returns the fields for which rank gives a positive number, in its order.
func Figures(rank func(*Field) int) []*Field {
	var figures []*Field
	for i := range Fields {
		if rank(&Fields[i]) > 0 {
			figures = append(figures, &Fields[i])
		}
	}
	slices.SortStableFunc(figures, func(a, b *Field) int { return cmp.Compare(rank(a), rank(b)) })
	return figures
}

// figure is the access to a member that is a number.
type figure struct {
	value func(*Snapshot) (float64, bool)
	set   func(*Snapshot, float64)
	read  func(*decoder, *Snapshot) error
}

func (f figure) field(unit Unit, row Field) Field {
	row.Unit, row.Value, row.Set, row.read = unit, f.value, f.set, f.read
	return row
}

// count returns the row of a whole number.
func count(at func(*Snapshot) **int64, row Field) Field {
	return figure{
		func(s *Snapshot) (float64, bool) { return Known(*at(s)) },
		func(s *Snapshot, v float64) { *at(s) = new(int64(v)) },
		func(d *decoder, s *Snapshot) (err error) { *at(s), err = d.count(); return err },
	}.field(Count, row)
}

// amount returns the row of an amount in unit.
func amount(unit Unit, at func(*Snapshot) **float64, row Field) Field {
	return figure{
		func(s *Snapshot) (float64, bool) { return Known(*at(s)) },
		func(s *Snapshot, v float64) { *at(s) = &v },
		func(d *decoder, s *Snapshot) (err error) { *at(s), err = d.amount(); return err },
	}.field(unit, row)
}

// moment returns the row of a time.
func moment(at func(*Snapshot) **Time, row Field) Field {
	return figure{
		func(s *Snapshot) (float64, bool) {
			if *at(s) == nil {
				return 0, false
			}
			return float64((*at(s)).UnixMilli()), true
		},
		func(s *Snapshot, v float64) { *at(s) = &Time{fromMillis(v)} },
		func(d *decoder, s *Snapshot) (err error) { *at(s), err = d.time(); return err },
	}.field(Millis, row)
}

func fell(name string) func(before, after float64) string {
	return func(before, after float64) string {
		if after < before {
			return name + " fell"
		}
		return ""
	}
}

func otherPID(before, after float64) string {
	if before != after {
		return fmt.Sprintf("the pid changed from %.0f to %.0f", before, after)
	}
	return ""
}

func laterStart(before, after float64) string {
	if after-before > 1000 {
		return "the start time moved on"
	}
	return ""
}
