package monitor

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Sample is the state of a process and of its tree at one time. Sizes are in MB of
// 2^20 bytes; a figure of Detail or Available that was not read is not a number.
type Sample struct {
	At       time.Time
	PID      int
	RSS      float64
	VMS      float64
	RSSTotal float64 // with all descendants; shared pages count in each
	VMSTotal float64
	Percent  float64 // of the machine's memory, without descendants
	Children int

	process.Detail         // of the process with all descendants, in bytes
	Available      float64 // memory of the machine that is free for use, in bytes
	Event          string  // since the sample before: restarted
}

// figure is a column after the classic ones.
type figure struct {
	column   string
	label    string
	decimals int
	counts   bool // a count that must not grow with the work done
	value    func(*Sample) float64
}

// figures are absent on systems that do not provide them.
var figures = []figure{
	{"pss_mb", "PSS", 1, false, func(s *Sample) float64 { return s.PSS / mib }},
	{"uss_mb", "USS", 1, false, func(s *Sample) float64 { return s.USS / mib }},
	{"swap_mb", "swap", 1, false, func(s *Sample) float64 { return s.Swap / mib }},
	{"cpu_percent", "CPU %", 1, false, func(s *Sample) float64 { return s.CPU }},
	{"threads", "threads", 0, true, func(s *Sample) float64 { return s.Threads }},
	{"fds", "open files", 0, true, func(s *Sample) float64 { return s.Files }},
	{"sockets", "sockets", 0, true, func(s *Sample) float64 { return s.Sockets }},
	{"listen", "listening", 0, false, func(s *Sample) float64 { return s.Listen }},
	{"established", "established", 0, true, func(s *Sample) float64 { return s.Established }},
	{"close_wait", "close-wait", 0, true, func(s *Sample) float64 { return s.CloseWait }},
	{"cgroup_mb", "control group", 1, false, func(s *Sample) float64 { return s.Group / mib }},
	{"cgroup_limit_mb", "its limit", 1, false, func(s *Sample) float64 { return s.GroupLimit / mib }},
	{"system_available_mb", "available on the machine", 1, false, func(s *Sample) float64 { return s.Available / mib }},
}

const (
	mib         = 1 << 20
	eventColumn = "event"
	restarted   = "restarted" // event of the first sample after a restart
)
