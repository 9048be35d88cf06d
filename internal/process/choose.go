package process

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Match says which of several processes is meant.
type Match string

// The ways to choose. The zero value chooses none: several are an error.
const (
	MatchOne     Match = ""
	MatchNewest  Match = "newest"
	MatchOldest  Match = "oldest"
	MatchLargest Match = "largest"
	MatchAll     Match = "all"
)

// Matches are the values of Match one can ask for.
func Matches() []string {
	return []string{string(MatchNewest), string(MatchOldest), string(MatchLargest), string(MatchAll)}
}

// ErrNoMatch says that no process has the name.
var ErrNoMatch = errors.New("no such process")

// AmbiguousError says that several processes have the name. The process that
// is meant must be chosen by a person.
type AmbiguousError struct {
	Name  string
	Found []Info
}

// Error names the number only; the one who prints it lists Found, made harmless.
func (e *AmbiguousError) Error() string {
	pids := make([]string, 0, len(e.Found))
	for _, p := range e.Found {
		pids = append(pids, fmt.Sprint(p.PID))
	}
	return fmt.Sprintf("%d processes match %q (PIDs %s); choose one with --pid, or with --match %s",
		len(e.Found), e.Name, strings.Join(pids, ", "), strings.Join(Matches(), "|"))
}

// Choose takes from the processes that were found for name the one that how means, or all.
func Choose(name string, found []Info, how Match) ([]Info, error) {
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("finding a process named %q: %w; the name, the executable and the arguments were looked at", name, ErrNoMatch)
	case len(found) == 1, how == MatchAll:
		return found, nil
	}
	switch how {
	case MatchNewest:
		return one(slices.MaxFunc(found, byStart)), nil
	case MatchOldest:
		return one(slices.MinFunc(found, byStart)), nil
	case MatchLargest:
		return one(largest(found)), nil
	}
	return nil, &AmbiguousError{Name: name, Found: found}
}

func one(p Info) []Info { return []Info{p} }

func byStart(a, b Info) int {
	switch {
	case a.Start != b.Start && a.Start < b.Start:
		return -1
	case a.Start != b.Start:
		return 1
	}
	return a.PID - b.PID
}

// largest weighs each process with its descendants: a launcher is small, its server is not.
func largest(found []Info) Info {
	best, most := found[0], uint64(0)
	for _, p := range found {
		tree, err := Open(p.ID)
		if err != nil {
			continue
		}
		r, err := tree.Read()
		tree.Close()
		if err == nil && r.Total.RSS > most {
			best, most = p, r.Total.RSS
		}
	}
	return best
}
