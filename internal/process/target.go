package process

import (
	"errors"
	"slices"
	"time"
)

// Target names a process to follow. One of PID, Name and Port is set.
type Target struct {
	PID   int
	Name  string // part of its name, its executable or its arguments
	Match Match  // the choice among several of that Name
	Port  int    // TCP port on which it listens
}

// Find returns the running processes that t names: one, or several with MatchAll.
func (t Target) Find() ([]Info, error) {
	switch {
	case t.PID != 0:
		info, err := Lookup(t.PID)
		return []Info{info}, err
	case t.Port != 0:
		info, err := Listening(t.Port)
		return []Info{info}, err
	case t.Name == "":
		return nil, errors.New("no process named; use --pid, --name or --port, or give a command to start")
	}
	found, err := Find(t.Name)
	if err != nil {
		return nil, err
	}
	return Choose(t.Name, found, t.Match)
}

// CanRestart reports whether a new process of the target can be found after it ended.
func (t Target) CanRestart() bool { return t.Name != "" || t.Port != 0 }

// FindRestarted returns the processes of the target that started after since and
// are not known yet. When several match and t chooses none, it returns the newest.
func (t Target) FindRestarted(known []ID, since time.Time) []Info {
	if !t.CanRestart() {
		return nil
	}
	if t.Match == MatchOne {
		t.Match = MatchNewest
	}
	isOld := func(i Info) bool { return slices.Contains(known, i.ID) || i.Started.Before(since) }
	if t.Port != 0 {
		found, err := t.Find()
		if err != nil || isOld(found[0]) {
			return nil
		}
		return found
	}
	found, _ := Find(t.Name) // an error means that none is found now
	chosen, _ := Choose(t.Name, slices.DeleteFunc(found, isOld), t.Match)
	return chosen
}
