package snapshot

// Process identifies a process of a server by its id and its start, in milliseconds.
type Process struct{ PID, Started int64 }

// Process returns the process that made s, and whether s tells.
func (s *Snapshot) Process() (p Process, known bool) {
	if s.PID != nil {
		p.PID, known = *s.PID, true
	}
	if s.StartTime != nil {
		p.Started, known = s.StartTime.UnixMilli(), true
	}
	return p, known
}

// Is reports whether two identities are of one process. Some servers derive their start
// from their uptime, which makes it vary.
func (p Process) Is(other Process) bool {
	return p.PID == other.PID && max(p.Started-other.Started, other.Started-p.Started) <= 1000
}
