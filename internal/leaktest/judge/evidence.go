package judge

import "math"

// Evidence holds the observations of one phase of a leak test.
type Evidence struct {
	Operations int64             `json:"operations"` // without the warm-up
	Failed     int64             `json:"failed"`
	Refused    int64             `json:"refused"` // with 429 or 503
	Errors     map[string]string `json:"errors,omitempty"`
	Rounds     []Round           `json:"rounds"`

	MeantToFail bool `json:"meantToFail,omitempty"` // the operations are wrong on purpose
	// Held means that operations leave sessions that only time releases.
	Held    bool `json:"held,omitempty"`
	Expired bool `json:"expired,omitempty"` // each reading waited until sessions expire
	Asked   bool `json:"asked,omitempty"`   // the user named this load

	LivePartial   bool    `json:"livePartial,omitempty"`   // processes of the server have no live heap that can be read
	CollectorMB   float64 `json:"collectorMB,omitempty"`   // garbage that lazy collectors may not have collected yet
	OverCollector bool    `json:"overCollector,omitempty"` // one process grew by more than that on its own
	FileLimit     float64 `json:"fileLimit,omitempty"`     // open files allowed to the server's process
	Unread        string  `json:"unread,omitempty"`        // why processes are missing in the readings
	Ended         string  `json:"ended,omitempty"`         // how the server ended during the phase
	OutOfMemory   bool    `json:"outOfMemory,omitempty"`   // it ended because memory ran out
	Hold          *Hold   `json:"hold,omitempty"`
	Doubt         string  `json:"doubt,omitempty"` // why growth that looks like a leak is not called one
}

// Round is one round of identical operations with the reading of the idle server
// afterwards. Times are in seconds since the run began. The first round
// of a phase is its baseline, without operations.
type Round struct {
	Number     int     `json:"round"`
	Operations int64   `json:"opsTotal"`
	Failed     int64   `json:"failed"` // in this round
	From       float64 `json:"from"`   // start of the load
	Loaded     float64 `json:"loaded"` // end of the load
	Settled    float64 `json:"settled"`

	TreeMB    float64  `json:"rssTreeMB"`
	LiveMB    *float64 `json:"liveMB,omitempty"` // live heap: objects and their memory outside it, after a collection
	RootMB    float64  `json:"rssRootMB"`
	Processes int      `json:"processes"`
	Zombies   float64  `json:"zombies,omitempty"` // processes that ended and that their parents did not collect
	Files     *float64 `json:"files,omitempty"`
	Sockets   *float64 `json:"sockets,omitempty"`
	CloseWait *float64 `json:"closeWait,omitempty"`
	Threads   *float64 `json:"threads,omitempty"`
	Sessions  *float64 `json:"sessions,omitempty"` // as the server reports
	HeapMB    *float64 `json:"heapMB,omitempty"`   // as the server reports
	// Held has the counts of the databases that were named, such as connections.
	Held       map[string]float64 `json:"held,omitempty"`
	Latency    *Latency           `json:"latencyMs,omitempty"`
	Throughput float64            `json:"perSecond,omitempty"`
}

// Latency is a distribution in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Hold is the test whether a server releases its growth after a while: it idles, is
// loaded once more, and idles again. A leak grows by the second load. Memory that is
// only held for a while makes room for it, also if RSS itself does not fall.
type Hold struct {
	Seconds  float64 `json:"seconds"`  // of idleness before the second load
	BaseMB   float64 `json:"baseMB"`   // before the growth that was judged
	BeforeMB float64 `json:"beforeMB"` // after the last round
	AfterMB  float64 `json:"afterMB"`  // lowest reading of the idle time
	AgainMB  float64 `json:"againMB"`  // lowest reading after the second load
	LeakMB   float64 `json:"leakMB"`   // growth of a leak in the second load; 0 if there was none

	Counted    bool `json:"counted,omitempty"`    // counts had accumulated
	CountsFell bool `json:"countsFell,omitempty"` // and fell during the idle time

	SlackMB float64 `json:"slackMB,omitempty"` // free memory that a collector may have had, into which a leak grows unseen
}

const (
	fellShare     = 0.2  // of the growth that may remain after it was released
	heldShare     = 0.5  // of the growth that remains if it was not
	leakShare     = 0.5  // of LeakMB by which a leak grows in the second load
	releasedShare = 0.25 // of LeakMB within which memory is not a leak
)

// Fell reports whether the server has released most of its growth.
func (h *Hold) Fell() bool {
	return h.CountsFell || h.AfterMB-h.BaseMB <= fellShare*(h.BeforeMB-h.BaseMB)
}

// Kept reports whether the growth is retained. Memory that was released once is not,
// although that of the second load may be held for longer than the wait.
func (h *Hold) Kept() bool {
	switch {
	case h.Counted:
		return !h.CountsFell
	case h.Fell():
		return false
	case h.LeakMB == 0:
		return h.AfterMB-h.BaseMB >= heldShare*(h.BeforeMB-h.BaseMB)
	}
	return h.AgainMB-h.AfterMB >= leakShare*h.LeakMB
}

// Released reports whether the growth was only held for a while.
func (h *Hold) Released() bool {
	if h.Counted {
		return h.CountsFell
	}
	return h.LeakMB > 0 && h.AgainMB-h.AfterMB <= releasedShare*h.LeakMB && !h.Hidden()
}

// Hidden reports whether a leak by the second load may have found room in memory that was
// free: RSS did not fall while the server idled, and the load was not larger than that.
func (h *Hold) Hidden() bool { return !h.Fell() && h.LeakMB <= h.SlackMB }

// last returns the last round. There is at least one.
func (e *Evidence) last() *Round { return &e.Rounds[len(e.Rounds)-1] }

// grown returns the growth since the baseline in MB.
func (e *Evidence) grown() float64 { return e.last().TreeMB - e.Rounds[0].TreeMB }

// forgottenShare is the share of a round's sessions that may still be counted.
const forgottenShare = 0.1

// mayHold reports whether the server may rightly hold the growth: the operations left
// sessions that may not have expired, unless the user asked for that load or the
// server itself no longer counts them.
func (e *Evidence) mayHold() bool { return e.Held && !e.Expired && !e.Asked && !e.forgotten() }

// forgotten reports whether the server no longer counts the sessions that were
// abandoned: memory that it still holds for them is not held for their client.
func (e *Evidence) forgotten() bool {
	if len(e.Rounds) < 2 || e.Rounds[0].Sessions == nil {
		return false
	}
	for i := 1; i < len(e.Rounds); i++ {
		made := float64(e.Rounds[i].Operations - e.Rounds[i-1].Operations)
		if s := e.Rounds[i].Sessions; s == nil || *s > *e.Rounds[0].Sessions+forgottenShare*made {
			return false
		}
	}
	return true
}

// changedShare is the change of the share of failures that makes rounds unequal.
const changedShare = 0.5

// unequal reports whether the share of failing operations differs between the
// first round and the last third of the rounds.
func (e *Evidence) unequal() bool {
	n := len(e.Rounds)
	if n < 3 || e.Rounds[1].Operations == e.Rounds[0].Operations {
		return false
	}
	share := func(from, to int) float64 {
		failed := int64(0)
		for _, r := range e.Rounds[from+1 : to+1] {
			failed += r.Failed
		}
		return float64(failed) / float64(max(1, e.Rounds[to].Operations-e.Rounds[from].Operations))
	}
	return math.Abs(share(n-1-(n+1)/3, n-1)-share(0, 1)) > changedShare
}
