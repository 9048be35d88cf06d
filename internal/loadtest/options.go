package loadtest

import "github.com/mcpdiag/mcpdiag/internal/client"

// Options say how calls are carried out. They are no part of a plan: the same
// plan runs with any of them. Config embeds them.
type Options struct {
	Client            *client.Client // for connections without net/http; nil is none
	Command           []string       // the server is this program, spoken to over stdio; nil is over HTTP
	Shared            bool           // one process with the calls of all users in flight; else each user has its own
	Connections       int            // over HTTP: shared by all users; 0 is one a user
	RespectRetryAfter bool           // after 429 or 503 a user waits as long as the server asks
	Check             bool           // read answers whole, instead of as far as the verdict on the call needs
	NetHTTP           bool           // net/http for everything, instead of where HTTP/2 or a proxy needs it
	// Watch, where it is set, sees the result so far every second, histograms
	// left out. When it gives a reason the run ends as if interrupted, with that reason.
	Watch func(*Result) (abort string)
}
