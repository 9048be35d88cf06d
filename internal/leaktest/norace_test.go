//go:build !race

package leaktest

const underRace = false
