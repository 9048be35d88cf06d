//go:build race

package leaktest

// underRace says that the servers of the tests run with the race detector, which
// keeps several times what they keep.
const underRace = true
