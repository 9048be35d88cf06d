package facts

// LeakSessions is how many sessions are opened and ended to see whether one stays.
const LeakSessions = 20

// Behaviour holds the observations of calls of the tool that the user named, and over
// minutes.
type Behaviour struct {
	Tool         string    `json:"tool,omitempty"`
	Unknown      bool      `json:"unknown,omitempty"` // the server lists no such tool
	FullMs       float64   `json:"full_ms,omitempty"` // of a whole call
	During       []float64 `json:"during_ms,omitempty"`
	CancelMs     float64   `json:"cancel_ms,omitempty"` // when calls are cancelled
	Witness      bool      `json:"witness,omitempty"`   // the server shows its calls in flight
	Others       bool      `json:"others,omitempty"`    // other clients call the tool, too
	AfterClose   []Flight  `json:"after_close,omitempty"`
	AfterLeaving []Flight  `json:"after_leaving,omitempty"`
	IdleMs       float64   `json:"idle_ms,omitempty"` // how long an idle stream was to be held
	Sessions     [2]int64  `json:"sessions,omitzero"` // before and after many were opened and ended; -1 is unknown
}

// Flight is the number of calls of the tool in flight at a time after the call began.
type Flight struct {
	Ms    float64 `json:"ms"`
	Calls int     `json:"calls"`
}

// BurstProbe is the purpose of the requests of a burst, which may be limited.
const BurstProbe = "burst"

// Called is the outcome of that call.
type Called struct {
	Tool    string `json:"tool,omitempty"`     // empty: none was called
	Why     string `json:"why,omitempty"`      // why none was called
	Missing string `json:"missing,omitempty"`  // the tool that the user named and the server does not list
	Made    bool   `json:"made,omitempty"`     // the arguments were made from the schema
	IsError bool   `json:"is_error,omitempty"` // the tool says that it failed
	Text    string `json:"text,omitempty"`     // the beginning of its answer, where it failed
	Invalid string `json:"invalid,omitempty"`  // how the answer breaks outputSchema
}

// CallProbe is the probe of a call.
const CallProbe = "tools/call"
