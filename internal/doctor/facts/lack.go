package facts

import (
	"net/http"
	"strings"
)

// Lack is the kind of a missing or incomplete answer.
type Lack string

// The ways in which an answer is missing.
const (
	LackTime   Lack = "time"   // nothing, or not all of it, came in time
	LackClosed Lack = "closed" // the connection ended before the answer
	LackHalf   Lack = "half"   // the connection ended during the answer
	LackEmpty  Lack = "empty"  // a status of 2xx, such as 202, without a message
)

// NotRead is the error of a request over standard streams that was not read.
const NotRead = "the server does not read its standard input"

// Patience is the time in milliseconds after which a request counts as unanswered. Requests
// that the end of the examination cut off earlier say nothing about the server.
const Patience = 2000

// Lacks returns how the answer to x is missing. It is empty for requests that were answered,
// were not sent, or were interrupted.
func (x *Exchange) Lacks() Lack {
	hasMessage := x.Message != nil && x.Message.Problem == ""
	switch {
	case !x.WasSent(), strings.HasPrefix(x.Failed, "interrupted"):
	case x.Status == 0 && (x.Failed == "" || x.Failed == NotRead || strings.HasPrefix(x.Failed, "no answer")):
		return x.ifPatient()
	case x.Status == 0:
		return LackClosed
	case x.Method != http.MethodPost || !x.OK() || !x.WantsAnswer() || x.IsStream() && hasMessage:
	case x.Failed != "":
		return LackHalf
	case x.Open:
		return x.ifPatient()
	case len(x.Broken) == 0 && x.Message == nil && x.KindOfBody() == KindAnswer, x.Size == 0 && ContentType(x.Header) == "":
		return LackEmpty
	}
	return ""
}

func (x *Exchange) ifPatient() Lack {
	if x.Timing.Total < Patience {
		return ""
	}
	return LackTime
}

// WantsAnswer reports whether x sent a request of JSON-RPC, unlike a notification.
func (x *Exchange) WantsAnswer() bool {
	return strings.Contains(x.Payload, `"id":`) && strings.Contains(x.Payload, `"method":`)
}

// Silent returns the first request after initialize without a whole answer, or nil. Over
// standard streams it is the last one.
func (f *Facts) Silent() *Exchange {
	for _, x := range f.Exchanges {
		if x != nil && x.Probe != "initialize" && x.Lacks() != "" {
			return x
		}
	}
	return nil
}

// AnswersOnGet returns the event stream of GET on which answers to other requests came.
func (f *Facts) AnswersOnGet() *Exchange {
	for _, x := range f.Exchanges {
		if x != nil && x.Method == http.MethodGet && x.IsStream() && x.Message != nil && len(x.Message.ID) > 0 && x.Message.Problem == "" {
			return x
		}
	}
	return nil
}
