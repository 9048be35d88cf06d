package process

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Match is the choice among several processes of one name.
type Match string

// Choices. With the zero value several processes are an error.
const (
	MatchOne     Match = ""
	MatchNewest  Match = "newest"
	MatchOldest  Match = "oldest"
	MatchLargest Match = "largest"
	MatchAll     Match = "all"
)

// Matches lists the values of Match for users.
func Matches() []string {
	return []string{string(MatchNewest), string(MatchOldest), string(MatchLargest), string(MatchAll)}
}

// ErrNoMatch is the error when no process matches.
var ErrNoMatch = errors.New("no such process")

// AmbiguousError is the error when several processes match and the user must choose.
type AmbiguousError struct {
	Name  string
	Found []Info
}

// Error gives the PIDs only. Commands of processes must be sanitized: callers list Found.
func (e *AmbiguousError) Error() string {
	pids := make([]string, 0, len(e.Found))
	for _, p := range e.Found {
		pids = append(pids, fmt.Sprint(p.PID))
	}
	return fmt.Sprintf("%d processes match %q (PIDs %s); choose one with --pid, or with --match %s",
		len(e.Found), e.Name, strings.Join(pids, ", "), strings.Join(Matches(), "|"))
}

// Choose returns one of the processes found for name, or all of them with MatchAll.
func Choose(name string, found []Info, how Match) ([]Info, error) {
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("finding a process named %q: %w; the name, the executable and the arguments were searched", name, ErrNoMatch)
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

// largest compares the memory of each process with its descendants: a launcher is small, its server is not.
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
