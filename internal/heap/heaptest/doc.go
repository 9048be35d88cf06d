// Package heaptest holds heap profiles, CPU profiles, class histograms and heap snapshots
// that are odd, damaged or made to harm, for the tests of all commands that read them.
// [Cases] and [Large] return them; a [Case] has the answers of "mcpdiag heap" and "mcpdiag flame".
package heaptest

// Case is one file.
type Case struct {
	Name  string // of the file, with its extension
	Data  []byte
	Heap  string // part of the output of heap, or of its error after !
	Flame string // the same of flame in the format folded; "" as Heap
}

// Cases returns the files that are small.
func Cases() []Case {
	var all []Case
	for _, list := range [][]Case{pprofs(), v8Profiles(), tracemallocs(), histograms(), snapshots()} {
		all = append(all, list...)
	}
	return all
}

// Large returns the files that try to take much memory or time.
func Large() []Case {
	var all []Case
	for _, list := range [][]Case{largePprofs(), largeV8Profiles(), largeTexts(), largeSnapshots()} {
		all = append(all, list...)
	}
	return all
}

// row is a case of a text.
type row struct{ name, data, heap, flame string }

func cases(rows []row) []Case {
	var all []Case
	for _, r := range rows {
		all = append(all, Case{r.name, []byte(r.data), r.heap, r.flame})
	}
	return all
}
