package monitor

import "time"

// Sample is one process, and it with its descendants, at one time. Sizes are in
// MB of 2^20 bytes.
type Sample struct {
	At       time.Time
	PID      int
	RSS      float64
	VMS      float64
	RSSTotal float64 // with all descendants; shared pages count in each
	VMSTotal float64
	Percent  float64 // of the machine's memory, the process alone
	Children int
}
