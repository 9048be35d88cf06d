package logline

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// fill copies the collected values into r; fields without a value stay unchanged.
func (f *fieldReader) fill(r *Record) {
	f.fillTime(r)
	f.fillLevel(r)
	for _, m := range [...]struct {
		id field
		to *[]byte
	}{
		{messageField, &r.Message}, {eventField, &r.Event}, {loggerField, &r.Logger}, {requestField, &r.Request}, {sessionField, &r.Session},
		{userField, &r.User}, {toolField, &r.Tool}, {methodField, &r.Method}, {endpointField, &r.Endpoint}, {addressField, &r.Address},
		{errorTypeField, &r.ErrorType}, {errorTextField, &r.ErrorText}, {reasonField, &r.Reason}, {statementField, &r.Statement}, {stackField, &r.Stack},
	} {
		if text := f.values[m.id].text; len(text) > 0 {
			*m.to = text
		}
	}
	if len(r.Message) == 0 {
		r.Message = r.Event
	}
	if line := f.text(requestLineField); bytes.IndexByte(line, ' ') > 0 {
		readRequestLine(line, r)
		if len(r.Message) == 0 {
			r.Message = line
		}
	}
	f.fillStatus(r)
	f.fillDuration(r)
	f.fillRPC(r)
	tidyFields(r)
}

// tidyFields moves values that loggers put under a name that means something else.
func tidyFields(r *Record) {
	if len(r.Request) == 55 && r.Request[2] == '-' && r.Request[35] == '-' {
		r.Request = r.Request[3:35] // traceparent: version, trace, span, flags
	}
	if i := bytes.LastIndexByte(r.Request, '/'); i >= 0 && bytes.HasSuffix(r.Request[:i], []byte("/traces")) {
		r.Request = r.Request[i+1:] // Google Cloud's resource name
	}
	if len(r.Endpoint) == 0 && len(r.Method) > 0 && r.Method[0] == '/' {
		r.Endpoint, r.Method = r.Method, nil
	}
	if path, _, ok := bytes.Cut(r.Endpoint, []byte("?")); ok && len(path) > 0 {
		r.Endpoint = path // the query differs from request to request
	}
	if len(r.Stack) == 0 && isStack(r.ErrorText) {
		r.Stack, r.ErrorText = r.ErrorText, nil
	}
	if len(r.Stack) > 0 && len(r.ErrorType) == 0 {
		name, text := ErrorOfStack(r.Stack)
		r.ErrorType = name
		if len(r.ErrorText) == 0 {
			r.ErrorText = text
		}
	}
	if len(r.Message) == 0 {
		r.Message = r.ErrorText
	}
}

// isStack reports whether the text of an error is a whole stack trace.
func isStack(text []byte) bool {
	return bytes.HasPrefix(text, []byte("Traceback ")) || bytes.Contains(text, []byte("\n   at ")) || bytes.Contains(text, []byte("\n    at ")) || bytes.Contains(text, []byte("\n\tat "))
}

// ErrorOfStack returns the exception type and its text with which a stack trace
// begins or, in Python, ends.
func ErrorOfStack(stack []byte) (name, text []byte) {
	line, _, _ := bytes.Cut(stack, []byte("\n"))
	if bytes.HasPrefix(line, []byte("Traceback")) {
		stack = bytes.TrimRight(stack, "\n ")
		line = stack[bytes.LastIndexByte(stack, '\n')+1:]
	}
	name, text, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 || len(name) > 100 || bytes.ContainsAny(name, " \t/(") {
		return nil, nil
	}
	if isLower(name[0]) && bytes.IndexByte(name, '.') < 0 {
		return nil, nil // a member of an inspected object
	}
	return name, bytes.TrimSpace(text)
}

func (f *fieldReader) fillTime(r *Record) {
	v := f.values[timeField]
	if v.text == nil {
		return
	}
	s, _ := ParseTime(bytes.TrimSpace(v.text))
	if s.Missing == NoStamp {
		s = stampOfNumber(v.text)
	}
	if nanos := integer(f.text(nanosField)); nanos > 0 && nanos < second && s.Missing == Complete && s.Nanos%second == 0 {
		s.Nanos += nanos
	}
	r.stamp(s)
}

// stamp sets the time of r unless it has a more complete one.
func (r *Record) stamp(s Stamp) {
	if s.Missing <= r.Time.Missing && s.Missing != NoStamp {
		r.Time = s
	}
}

func (f *fieldReader) fillLevel(r *Record) {
	level := NoLevel
	switch v := f.values[levelField]; {
	case v.number && integer(v.text) < 8:
		level = levelOfSyslog(integer(v.text)) // GELF
	case v.number:
		level = levelOfNumber(integer(v.text))
	case v.text != nil:
		if level = ParseLevel(v.text); len(v.text) == 1 {
			level = levelOfLetter(v.text[0])
		} else if level == NoLevel && len(v.text) > 1 && isDigit(v.text[0]) {
			level = levelOfNumber(integer(v.text))
		}
	case f.has(syslogLevelField):
		if level = levelOfSyslog(integer(f.text(syslogLevelField))); !isDigits(f.text(syslogLevelField)) {
			level = ParseLevel(f.text(syslogLevelField))
		}
	case f.has(otelLevelField):
		level = levelOfOTel(integer(f.text(otelLevelField)))
	}
	if level == NoLevel && f.values[timeField].rank == rankOfSerilog && f.has(timeField) {
		level = Info // Serilog leaves it out
	}
	if level != NoLevel {
		r.Level = level
	}
}

func (f *fieldReader) fillStatus(r *Record) {
	for _, id := range [...]field{statusField, codeField} {
		if n := integer(f.text(id)); r.Status == 0 && n >= 100 && n <= 599 && isDigits(f.text(id)) {
			r.Status = int(n)
		}
	}
	if code := f.text(codeField); len(r.ErrorType) == 0 && len(code) == 5 && !f.values[codeField].number {
		r.ErrorType = code // SQLSTATE
	}
}

func (f *fieldReader) fillDuration(r *Record) {
	v := f.values[durationField]
	if v.text == nil {
		return
	}
	if !v.number {
		if d, ok := ParseDuration(v.text); ok {
			r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
			return
		}
	}
	unit, rule := v.unit, UnitInKey
	switch {
	case v.given:
		rule = UnitGiven
	case unit == 0:
		unit, rule = f.unitByLogger(v)
	}
	n, err := strconv.ParseFloat(string(v.text), 64)
	if d := n * float64(unit); err == nil && d >= 0 && d < math.MaxInt64 {
		r.Duration, r.HasDuration, r.DurationUnit = time.Duration(d), true, rule
	}
}

// unitByLogger recognizes the logger by its other keys: each has its own unit.
func (f *fieldReader) unitByLogger(v value) (time.Duration, DurationUnit) {
	float := bytes.IndexByte(v.text, '.') >= 0
	level, stamp := f.values[levelField], f.values[timeField]
	switch {
	case f.style == UnitOfZerolog:
		return time.Millisecond, f.style
	case f.style != NoDuration:
		return time.Second, f.style
	case int(f.values[statusField].rank) == rankOfTraefik:
		return time.Nanosecond, UnitOfProxy
	case int(f.values[statusField].rank) == rankOfEnvoy:
		return time.Millisecond, UnitOfProxy
	case isNginxTime(v):
		return time.Second, UnitOfProxy
	case stamp.rank == rankOfSerilog, f.hasTemplate():
		return time.Millisecond, UnitOfSerilog
	case level.number:
		return time.Millisecond, UnitOfPino
	case f.has(eventField) && !f.has(messageField), float && (int(level.rank) == rankOfPython || int(level.rank) == rankOfLoguru):
		return time.Second, UnitOfPython
	case stamp.number && bytes.IndexByte(stamp.text, '.') > 0, float && int(stamp.rank) == rankOfZap && int(f.values[loggerField].rank) == rankOfCaller:
		return time.Second, UnitOfZap
	case !float && f.writtenByGo(v):
		return time.Nanosecond, UnitOfGo
	case f.has(messageField) && f.values[messageField].rank == 0 && float:
		return time.Millisecond, UnitOfZerolog
	}
	return time.Millisecond, UnitGuessed
}

// writtenByGo reports whether an integer is a time.Duration, as slog and logrus write it. Few
// calls take less than a microsecond, or three hours.
func (f *fieldReader) writtenByGo(v value) bool {
	level, digits := f.text(levelField), len(v.text)
	switch {
	case len(level) == 0:
		return false
	case level[0] <= 'Z':
		return digits > 5 || digits > 3 && f.beginsAsSlog()
	}
	logrus := int(f.values[messageField].rank) == rankOfMsg && !f.values[timeField].number && int(v.rank) != rankOfResponseTime
	return digits > 6 && logrus
}

// beginsAsSlog reports whether the object begins with the members that slog writes first.
func (f *fieldReader) beginsAsSlog() bool {
	rest, ok := bytes.CutPrefix(f.line[:min(len(f.line), 80)], []byte(`{"time":"`))
	_, rest, timed := bytes.Cut(rest, []byte(`","level":"`))
	_, rest, leveled := bytes.Cut(rest, []byte(`"`))
	return ok && timed && leveled && bytes.HasPrefix(rest, []byte(`,"msg":`))
}

// isNginxTime reports whether v is $request_time, under its own name or the short one.
func isNginxTime(v value) bool {
	_, decimals, _ := bytes.Cut(v.text, []byte("."))
	return (int(v.rank) == rankOfRequestTime || int(v.rank) == rankOfRT) && len(decimals) == 3
}

// fillRPC recognizes a JSON-RPC message.
func (f *fieldReader) fillRPC(r *Record) {
	if !f.has(jsonrpcField) {
		return
	}
	rpc := &r.RPC
	if id := f.values[idField]; id.text != nil {
		rpc.ID = id.text
	}
	switch {
	case f.has(methodField) && rpc.ID != nil:
		rpc.Kind = Request
	case f.has(methodField):
		rpc.Kind = Notification
	case f.has(resultField), f.has(errorTypeField), f.has(errorTextField), rpc.ID != nil:
		rpc.Kind = Response
	default:
		return
	}
	r.Format = JSONRPC
	rpc.RefersTo = f.text(refersField)
	if rpc.Kind == Response {
		rpc.Code = integer(f.text(errorTypeField))
		rpc.IsError = f.has(isErrorField) || f.has(errorTypeField) || f.has(errorTextField)
	}
	if string(r.Method) != "tools/call" && len(r.Tool) > 0 && bytes.Equal(r.Tool, f.text(toolField)) && f.values[toolField].rank == 2 {
		r.Tool = nil // the name of a prompt or of a client
	}
	if rpc.ID != nil && len(r.Request) == 0 {
		r.Request = rpc.ID
	}
	if len(r.Message) == 0 {
		r.Message = rpcMessage(r)
	}
}

// rpcMessage describes a JSON-RPC message: its method, the text of its error, or "result".
func rpcMessage(r *Record) []byte {
	switch {
	case r.RPC.Kind != Response:
		return r.Method
	case len(r.ErrorText) > 0:
		return r.ErrorText
	case r.RPC.IsError:
		return []byte("result with isError")
	}
	return []byte("result")
}

// hasTemplate reports whether the message stands under one of Serilog's names.
func (f *fieldReader) hasTemplate() bool {
	v := f.values[messageField]
	return v.text != nil && v.rank >= rankOfTemplates && v.rank < inContainer
}
