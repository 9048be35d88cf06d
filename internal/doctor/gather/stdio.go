package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/logs"
	"github.com/mcpdiag/mcpdiag/internal/mcp/lines"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Times of a server that is a command.
const (
	DefaultStart = 60 * time.Second // until the answer to initialize
	exitTime     = 5 * time.Second  // for its end after its input ended
)

// stdioGatherer speaks to a command over its standard streams.
type stdioGatherer struct {
	*gatherer

	conn    *launch.Conn
	s       *facts.Stdio
	answers chan []byte // lines that are JSON objects
	asked   int         // requests of the server
}

// CommandOptions say which command is examined, and how.
type CommandOptions struct {
	Args     []string
	Env      []string      // added to the environment
	Dir      string        // "" is the current folder
	Deadline time.Duration // until the answer to initialize; 0 means DefaultStart
	Minimal  bool          // start it again with a short environment
	Call     *Call         // a tool to call
}

// Command starts a server, examines it over its standard streams and ends it.
func Command(ctx context.Context, o CommandOptions) *facts.Facts {
	args, deadline := o.Args, o.Deadline
	if deadline <= 0 {
		deadline = DefaultStart
	}
	begin := time.Now()
	s := &facts.Stdio{Command: strings.Join(report.RedactArgs(args), " ")}
	f := &facts.Facts{Schema: facts.FactsSchema, Target: "-- " + s.Command, At: begin.UTC(), Loopback: true, Stdio: s}
	asking, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	var tail launch.Tail
	program, err := programOf(args[0], o.Env)
	var conn *launch.Conn
	if err == nil {
		conn, err = launch.Dial(launch.Command{Args: append([]string{program}, args[1:]...), Env: o.Env, Dir: o.Dir, Stderr: &tail})
	}
	if err != nil {
		s.NoStart = report.Line(err.Error())
		return f
	}
	g := newStdioGatherer(f, conn, s)
	g.Call = o.Call
	g.speak(asking)
	g.end(ctx)
	s.Stderr = lastLines(tail.Bytes(), stderrLines)
	if last, err := logs.LastWordsOf(tail.Bytes()); err == nil {
		s.Said = report.CutWords(report.Line(report.RedactText(last.Line)), 200)
	}
	if o.Minimal && s.Answered {
		s.Minimal = startMinimal(asking, args)
	}
	f.Interrupted = ctx.Err() != nil
	f.Seconds = time.Since(begin).Seconds()
	return f
}

func newStdioGatherer(f *facts.Facts, conn *launch.Conn, s *facts.Stdio) *stdioGatherer {
	g := &stdioGatherer{gatherer: &gatherer{f: f, started: time.Now()}, conn: conn, s: s, answers: make(chan []byte, 64)}
	go g.read()
	return g
}

// read reads lines until the end, and drops those that nobody waits for. Its notes
// are complete when the channel is closed.
func (g *stdioGatherer) read() {
	defer close(g.answers)
	r := lines.NewReader(g.conn, maxPage)
	for n := 1; ; n++ {
		line, err := r.Next()
		if _, long := errors.AsType[*lines.TooLongError](err); long {
			continue
		}
		if err != nil {
			return
		}
		g.sort(n, bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))))
	}
}

// maxReplies is how many requests of a server are answered.
const maxReplies = 100

// Lines of a command that are kept.
const (
	stderrLines  = 20
	printedLines = 5
)

// lastLines returns the last lines of a log without secrets, empty lines and the
// frames of stack traces.
func lastLines(log []byte, most int) string {
	var kept []string
	if len(log) >= launch.TailBytes { // its first line is cut
		_, log, _ = bytes.Cut(log, []byte("\n"))
	}
	for line := range strings.Lines(report.RedactText(strings.ToValidUTF8(string(log), "\uFFFD"))) {
		if line = report.Line(strings.TrimSpace(line)); line != "" && !strings.HasPrefix(line, "at ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept[max(0, len(kept)-most):], "\n")
}

// sort notes a line that is no message, and passes on the others.
func (g *stdioGatherer) sort(n int, line []byte) {
	var object map[string]json.RawMessage
	switch {
	case len(line) == 0:
		g.s.Blank++
	case json.Unmarshal(line, &object) != nil, isLog(object):
		text := report.CutWords(report.Line(report.RedactText(strings.ToValidUTF8(string(line[:min(len(line), maxBodyKept)]), "\uFFFD"))), 200)
		if g.s.LineNo == 0 {
			g.s.LineNo, g.s.Foreign = n, text
		}
		if len(g.s.Printed) < printedLines {
			g.s.Printed = append(g.s.Printed, text)
		}
	case object["method"] != nil && object["id"] != nil && object["result"] == nil && object["error"] == nil:
		if g.asked++; g.asked <= maxReplies {
			go g.reply(bytes.Clone(object["id"]), string(object["method"])) // a server that does not read blocks it
		}
	default:
		select {
		case g.answers <- bytes.Clone(line):
		default: // a flood
		}
	}
}

// isLog reports whether an object is no message of JSON-RPC, as lines of a log in JSON are.
func isLog(object map[string]json.RawMessage) bool {
	return object["jsonrpc"] == nil && (object["id"] == nil || object["result"] == nil && object["error"] == nil)
}

// reply answers a request of the server as a client without capabilities does: some servers
// go on only when their ping was answered.
func (g *stdioGatherer) reply(id json.RawMessage, method string) {
	answer := `"error":{"code":-32601,"message":"no such method"}`
	if method == `"ping"` {
		answer = `"result":{}`
	}
	g.tell(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, id, answer))
}

// speak does the handshake and asks for the listings.
func (g *stdioGatherer) speak(ctx context.Context) {
	x := g.initialize(ctx)
	g.s.Answered, g.s.StartMs = x.Status != 0, ms(time.Since(g.started))
	if !x.Result() {
		if g.s.Answered {
			g.ask(ctx, "discover", modernPost("", "server/discover", "").body)
		} else if ctx.Err() == nil && g.s.HTTP == "" {
			g.early()
		}
		return
	}
	g.tell(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	short, cancel := context.WithTimeout(ctx, DefaultDeadline)
	defer cancel()
	g.shortRequests(short)
	g.callTool(ctx)
	g.big(ctx)
}

// shortRequests asks for the listings, and sends requests at the edges of the protocol.
func (g *stdioGatherer) shortRequests(ctx context.Context) {
	listing := &facts.ToolListing{}
	if x, whole := g.whole(ctx, "tools/list", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`); x.Result() {
		next, ok := addPage(listing, whole)
		if listing.Ended = ok && next == nil; ok {
			g.f.Tools = listing
		}
	}
	for _, what := range []string{"prompts/list", "resources/list"} {
		g.ask(ctx, what, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{}}`, what))
	}
	g.ask(ctx, "string id", `{"jsonrpc":"2.0","id":"mcpdiag-1","method":"ping"}`)
	g.ask(ctx, "zero id", `{"jsonrpc":"2.0","id":0,"method":"ping"}`)
	g.ask(ctx, "unknown method", `{"jsonrpc":"2.0","id":1,"method":"mcpdiag/unknown","params":{}}`)
}

// callTool calls the tool that the user chose.
func (g *stdioGatherer) callTool(ctx context.Context) {
	if tool, c := chooseTool(g.f, g.Call); tool != nil {
		if g.f.Stopped != "" {
			return
		}
		x, m := g.whole(ctx, facts.CallProbe, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s}}`, facts.CallProbe, c.params()))
		c.withhold(x)
		noteAnswer(g.f.Call, tool, c, m)
	}
}

// bigLine is the size of a message that a server must be able to read: readers with a
// fixed buffer often end at 64 KiB.
const bigLine = 128 << 10

// big sends a long line, as the last one: some servers end at it.
func (g *stdioGatherer) big(ctx context.Context) {
	x := g.ask(ctx, "big line", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"io.mcpdiag/padding":"`+strings.Repeat("x", bigLine)+`"}}}`)
	if x.Payload != "" {
		x.Payload = x.Payload[:100] + "…"
	}
}

// early notes how the command ended, after it closed its streams.
func (g *stdioGatherer) early() {
	select {
	case <-g.conn.Done():
		g.s.Ended = g.conn.Exit().Text
	case <-time.After(endTime):
	}
}

func (g *stdioGatherer) tell(message string) bool {
	_, err := g.conn.Write([]byte(message + "\n"))
	return err == nil
}

// tellWithin writes a message, and returns why it could not be written. A server that
// does not read blocks the write until end closes the pipe.
func (g *stdioGatherer) tellWithin(ctx context.Context, message string) string {
	written := make(chan bool, 1)
	go func() { written <- g.tell(message) }()
	select {
	case ok := <-written:
		if !ok {
			return "the server closed its standard input"
		}
		return ""
	case <-ctx.Done():
		return facts.NotRead
	}
}

func (g *stdioGatherer) ask(ctx context.Context, probe, message string) *facts.Exchange {
	x, _ := g.whole(ctx, probe, message)
	return x
}

// whole sends a request after the handshake. The first one without an answer is the last
// one: a later answer would be taken for that of another one.
func (g *stdioGatherer) whole(ctx context.Context, probe, message string) (*facts.Exchange, *facts.Message) {
	if ctx.Err() != nil && g.f.Stopped == "" {
		g.f.Stopped = "its time was used up"
	}
	if g.f.Stopped != "" {
		return &facts.Exchange{}, nil
	}
	within, cancel := context.WithTimeout(ctx, facts.RequestTime)
	defer cancel()
	x, m := g.roundTrip(within, probe, message)
	switch {
	case x.Status != 0:
	case ctx.Err() != nil:
		x.Cut, g.f.Stopped = true, "its time was used up"
	default:
		g.f.Stopped = probe + " has no answer"
	}
	if x.Lacks() == facts.LackClosed {
		g.early()
	}
	return x, m
}

// roundTrip sends a request and waits for the next answer. Requests and notifications of
// the server are ignored.
func (g *stdioGatherer) roundTrip(ctx context.Context, probe, message string) (*facts.Exchange, *facts.Message) {
	begin := time.Now()
	x := &facts.Exchange{Probe: probe, Method: facts.MethodStdio, Payload: message, At: begin.UTC()}
	g.f.Exchanges = append(g.f.Exchanges, x)
	defer func() { x.Timing.Total = ms(time.Since(begin)) }()
	var whole *facts.Message
	if x.Failed = g.tellWithin(ctx, message); x.Failed != "" {
		return x, nil
	}
	for whole == nil {
		select {
		case <-ctx.Done():
			return x, nil
		case line, open := <-g.answers:
			if !open {
				x.Failed = "the server closed its standard output"
				return x, nil
			}
			if m := facts.ParseMessage("", line); m != nil && m.Problem == "" {
				whole = m
				x.Status, x.Message, x.Size, x.Body = 200, m.Keep(), len(line), report.RedactText(string(line[:min(len(line), maxBodyKept)]))
			}
		}
	}
	return x, whole
}

// end ends the command.
func (g *stdioGatherer) end(ctx context.Context) {
	if g.s.HTTP == "" {
		g.exit(ctx)
	}
	_ = g.conn.Close() // it is stopped now, whatever its state
	for range g.answers {
	} // until read has ended
}

// exit closes the input of the command and waits for its end, unless ctx has ended.
func (g *stdioGatherer) exit(ctx context.Context) {
	begin, wait := time.Now(), exitTime
	if g.f.Silent() != nil { // it may still work on the request without an answer
		wait = endTime
	}
	_ = g.conn.CloseWrite() // it fails only if the command has ended
	select {
	case <-g.conn.Done():
	case <-ctx.Done():
	case <-time.After(wait):
		g.s.Stuck = true
	}
	g.s.ExitMs = ms(time.Since(begin))
}
