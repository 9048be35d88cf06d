package logline

import "bytes"

// unwrap removes the outermost wrapper of a line. Its fields go into r. An object
// that is no wrapper is left in p.fields and marked by its format.
func (p *Parser) unwrap(line []byte, r *Record) (inner []byte, ok bool) {
	if len(line) == 0 {
		return nil, false
	}
	switch c := line[0]; {
	case c == '{' && p.fields.object(line):
		if inner, ok := p.unwrapJSON(line, r); ok {
			return inner, true
		}
		r.Format = JSON
		return nil, false
	case c == '[':
		return p.unwrapBracket(line, r)
	case c == '<':
		return unwrapSyslog(line, r)
	case c == '1' && bytes.HasPrefix(line, []byte("1 ")):
		return unwrapSyslogHeader(line, r)
	case isDigit(c):
		if number, _, ok := bytes.Cut(line[:min(len(line), 5)], []byte("|")); ok && isDigits(number) { // pm2
			break
		}
		return unwrapStamped(line, r)
	case c == ' ':
		return p.unwrapIndented(line, r)
	case c == 'M' && bytes.HasPrefix(line, []byte("MESSAGE=")): // journalctl -o export
		r.Wrappers |= Journal
		return line[len("MESSAGE="):], true
	case c >= 'A' && c <= 'Z':
		if inner, ok := unwrapJournal(line, r); ok {
			return inner, true
		}
	}
	return unwrapPrefix(line, r)
}

// unwrapJSON removes docker's json-file, stern's and journald's JSON output, and
// the records of Claude Code, from the object that was just read.
func (p *Parser) unwrapJSON(line []byte, r *Record) ([]byte, bool) {
	f := &p.fields
	message := f.text(messageField)
	switch {
	case f.has(streamField) && f.has(timeField) && bytes.HasPrefix(line, []byte(`{"log"`)):
		r.Wrappers |= Docker
		r.Partial = !bytes.HasSuffix(message, []byte("\n"))
	case isShipped(f):
		r.Wrappers |= Shipper
		r.Stream = f.text(containerField)
		if f.has(shippedField) {
			message = f.text(shippedField)
		}
		f.fill(r)
	case f.has(podField):
		r.Wrappers |= Stern
		r.Stream = f.text(podField)
	case f.has(cwdField) && f.has(sessionField) && (len(message) > 0 || f.has(errorTextField)):
		message = claudeCode(f, r)
	case f.has(syslogLevelField) && f.values[timeField].rank == journalRank:
		r.Wrappers |= Journal
		f.fillLevel(r)
	default:
		return nil, false
	}
	f.fillTime(r)
	return bytes.TrimRight(message, "\r\n"), true
}

// isShipped reports whether an object is a record of a shipper of logs (Fluent Bit,
// Vector, CloudWatch, Google Cloud) around a line of another log.
func isShipped(f *fieldReader) bool {
	if f.has(shippedField) {
		return true
	}
	stream := string(f.text(streamField))
	return f.has(messageField) && !f.has(levelField) && !f.has(jsonrpcField) &&
		(f.has(shipperField) || f.has(containerField) || f.has(timeField) && (stream == "stdout" || stream == "stderr"))
}

// claudeCode reads a record of Claude Code: its level is the key of its text.
func claudeCode(f *fieldReader, r *Record) []byte {
	r.Wrappers |= ClaudeCode
	r.Session = f.text(sessionField)
	level, message := Debug, f.text(messageField)
	if len(message) == 0 {
		level, message = Error, f.text(errorTextField)
	}
	r.Level = level
	message = bytes.TrimPrefix(message, []byte("Server stderr: "))
	if tool, ok := bytes.CutPrefix(message, []byte("Calling MCP tool: ")); ok {
		r.Tool = tool
	}
	readToolEnd(message, r)
	return message
}

// readToolEnd reads "Tool 'search' completed successfully in 1.5s" and "Tool 'search' failed
// after 2s: text".
func readToolEnd(message []byte, r *Record) {
	rest, ok := bytes.CutPrefix(message, []byte("Tool '"))
	tool, rest, quoted := bytes.Cut(rest, []byte("' "))
	if !ok || !quoted {
		return
	}
	for _, phrase := range [...]string{"completed successfully in ", "failed after "} {
		took, found := bytes.CutPrefix(rest, []byte(phrase))
		took, _, _ = bytes.Cut(took, []byte(":"))
		if d, timed := ParseDuration(took); found && timed {
			r.Tool, r.Duration, r.HasDuration, r.DurationUnit = tool, d, true, UnitInValue
		}
	}
}

// unwrapBracket removes "[pod/name/container] " and "[name] ".
func (p *Parser) unwrapBracket(line []byte, r *Record) ([]byte, bool) {
	end := bytes.IndexByte(line, ']')
	if end < 2 || end > 200 || end+2 > len(line) || line[end+1] != ' ' {
		return nil, false
	}
	name, inner := line[1:end], line[end+2:]
	switch {
	case bytes.HasPrefix(name, []byte("pod/")):
		r.Wrappers |= Kubectl
		name = name[4:]
	case isDigits(name): // a process number
		if text, ok := p.unwrapFluentBit(inner, r); ok {
			return text, text != nil
		}
		r.Wrappers |= Supervisor
		return inner, true
	case isNumber(bytes.TrimLeft(name, " ")): // seconds since the start: journalctl -o short-monotonic
		if program, text, ok := cutProgram(inner); ok {
			r.Wrappers, r.Stream = r.Wrappers|Journal, program
			return text, true
		}
		return nil, false
	case isDigit(name[0]) || isLevelWord(name) || bytes.ContainsAny(name, " :="):
		return nil, false
	default:
		r.Wrappers |= Supervisor
		inner = cutTraffic(inner, r)
	}
	r.Stream = name
	return inner, true
}

// isLevelWord reports whether a bracket holds a level and not a name.
func isLevelWord(word []byte) bool { return ParseLevel(word) != NoLevel }

// unwrapJournal removes "Nov 25 09:00:53 host program[41]: ".
func unwrapJournal(line []byte, r *Record) ([]byte, bool) {
	s, n := ParseTime(line)
	if n == 0 || s.Missing != NoYear && line[3] != ' ' || s.Missing != NoYear && line[4] != '2' {
		return nil, false // neither "Nov 25 …" nor "Wed 2026-…"
	}
	rest := bytes.TrimLeft(line[n:], " ")
	end := bytes.Index(rest[:min(len(rest), 200)], []byte(": "))
	if end < 1 {
		return nil, false
	}
	host, program, ok := bytes.Cut(rest[:end], []byte(" "))
	if !ok && rest[end-1] == ']' { // the socket of the machine: no host
		program = host
	} else if !ok || bytes.IndexByte(program, ' ') >= 0 {
		return nil, false
	}
	program, _, _ = bytes.Cut(program, []byte("["))
	r.stamp(s)
	r.Wrappers, r.Stream = r.Wrappers|Journal, program
	return rest[end+2:], true
}

// cutProgram cuts "host program[41]: " off a line.
func cutProgram(rest []byte) (program, inner []byte, ok bool) {
	end := bytes.Index(rest[:min(len(rest), 200)], []byte("]: "))
	if name, dyno, ok := bytes.Cut(rest[:max(0, end)], []byte("[")); ok && (string(name) == "heroku" || string(name) == "app") && isName(dyno) {
		return dyno, rest[end+3:], true
	}
	if end < 0 {
		host, after, _ := bytes.Cut(rest, []byte(" "))
		name, inner, ok := bytes.Cut(after, []byte(": "))
		return name, inner, ok && isName(host) && isName(name) && (bytes.HasPrefix(inner, []byte("{")) || string(name) == "kernel")
	}
	host, program, ok := bytes.Cut(rest[:end], []byte(" "))
	name, pid, bracket := bytes.Cut(program, []byte("["))
	if !ok || !bracket || !isName(host) || !isName(name) || !isDigits(pid) {
		return nil, nil, false
	}
	return name, rest[end+3:], true
}

// unwrapStamped removes a time that a wrapper put in front of a line: CRI's
// "TIME stdout F ", the hosts' "TIME [level] [server] ", kubectl --timestamps.
func unwrapStamped(line []byte, r *Record) ([]byte, bool) {
	s, n := ParseTime(line)
	if n > 0 && bytes.HasPrefix(line[n:], []byte(": ")) && r.Wrappers&Compose != 0 { // pm2 --time
		n++
	}
	if n == 0 || n >= len(line) || line[n] != ' ' {
		return nil, false
	}
	rest := line[n+1:]
	if s.Missing == NoDate {
		return unwrapBar(rest, s, r)
	}
	if _, inner, ok := bytes.Cut(rest, []byte(`"} `)); ok && isLokiLabel(rest) {
		r.stamp(s)
		r.Wrappers |= Shipper
		return inner, true
	}
	if inner, partial, ok := cutCRI(rest); ok {
		r.stamp(s)
		r.Wrappers, r.Partial = r.Wrappers|CRI, partial
		return inner, true
	}
	if inner, ok := unwrapHost(rest, s, r); ok {
		return inner, true
	}
	if program, inner, ok := cutProgram(rest); ok {
		r.stamp(s)
		r.Wrappers, r.Stream = r.Wrappers|Journal, program
		return inner, true
	}
	if stream, inner, ok := bytes.Cut(rest, []byte(" ")); ok && bytes.IndexByte(stream, '/') > 0 && (nestedFormat(inner) || isTaskStream(stream)) { // aws logs tail
		r.stamp(s)
		r.Wrappers, r.Stream = r.Wrappers|Shipper, stream
		return inner, true
	}
	if r.Wrappers&(Kubectl|Compose|Stern) != 0 || nestedFormat(rest) || line[min(n, len("2026-11-25"))] == '_' || s.Missing == Complete && line[min(n, len("2026-11-25"))] == 'T' && ofStack(rest) {
		r.stamp(s)
		r.Wrappers |= Kubectl
		return rest, true
	}
	return nil, false
}

// isLokiLabel reports whether text begins with labels as logcli writes them: {app="mcp", …
func isLokiLabel(text []byte) bool {
	name, _, ok := bytes.Cut(text[1:min(len(text), 60)], []byte(`="`))
	return ok && text[0] == '{' && isName(name)
}

func cutCRI(rest []byte) (inner []byte, partial, ok bool) {
	for _, stream := range [...]string{"stdout ", "stderr "} {
		if after, found := bytes.CutPrefix(rest, []byte(stream)); found && len(after) > 1 && (after[0] == 'F' || after[0] == 'P') && after[1] == ' ' {
			return after[2:], after[0] == 'P', true
		}
	}
	return nil, false, false
}

// unwrapIndented reads an object that stands behind blanks, as the elements of an array do.
func (p *Parser) unwrapIndented(line []byte, r *Record) ([]byte, bool) {
	if text := bytes.TrimLeft(line, " "); len(text) > 0 && text[0] == '{' && p.fields.object(text) && p.fields.has(timeField) {
		r.Format = JSON
	}
	return nil, false
}

// isTaskStream reports whether text is a stream of CloudWatch: ecs/server/0123456789abcdef.
func isTaskStream(text []byte) bool {
	id := text[bytes.LastIndexByte(text, '/')+1:]
	for _, c := range id {
		if !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(id) >= 12 && text[0] != '/' && bytes.Count(text, []byte("/")) > 1
}

// ofStack reports whether the text after a time is a line of a stack trace: then docker logs -t
// or kubectl logs --timestamps has put the time there.
func ofStack(rest []byte) bool {
	if text := bytes.TrimLeft(rest, " \t"); len(text) == 0 || len(rest)-len(text) > 3 || rest[0] == '\t' {
		word, _, _ := bytes.Cut(text, []byte(" "))
		return !isLevelWord(bytes.TrimRight(word, ":"))
	}
	var last Record // of a traceback: "ValueError: text"
	return hasAnyPrefix(rest, stackStarts) || isFinalException(rest) || readErrorLine(rest, &last) && len(last.ErrorType) > 0 && !isLower(rest[0])
}

// stackStarts begin lines of stack traces that no other line of a program begins with.
var stackStarts = []string{"Traceback (most recent call last)", `  File "`, "Caused by: ", "During handling of the above", "The above exception was the direct"}

// nestedFormat reports whether the text after a time is a line of another format.
func nestedFormat(rest []byte) bool {
	if len(rest) == 0 {
		return false
	}
	if rest[0] == '{' || rest[0] == '<' {
		return true
	}
	_, n := ParseTime(rest)
	return n > 10
}

// unwrapPrefix removes compose's "name-1  | " and stern's "pod container ".
func unwrapPrefix(line []byte, r *Record) ([]byte, bool) {
	if inner, ok := unwrapBar(line, Stamp{Missing: NoStamp}, r); ok {
		return inner, true
	}
	pod, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || !isPod(pod) {
		return nil, false
	}
	container, inner, ok := bytes.Cut(rest, []byte(" "))
	if !ok || !isName(container) || len(inner) == 0 || isDigit(container[0]) || isLevelWord(container) {
		return nil, false
	}
	r.Wrappers, r.Stream = r.Wrappers|Stern, line[:len(pod)+1+len(container)]
	return inner, true
}

// isPod reports whether text is the name of a pod: its last part has five characters, or is
// the number of a replica.
func isPod(text []byte) bool {
	end := text[bytes.LastIndexByte(text, '-')+1:]
	return bytes.Count(text, []byte("-")) >= 2 && isName(text) && text[0] != '-' && (len(end) == 5 || len(end) < 3 && isDigits(end))
}

// unwrapBar removes "name  | " of compose and foreman, "task.1.id@node  | " of a swarm and
// "0|name  | " of pm2; s is the time in front of it.
func unwrapBar(line []byte, s Stamp, r *Record) ([]byte, bool) {
	bar := bytes.Index(line[:min(len(line), 120)], []byte("| "))
	if bar < 1 || line[bar-1] != ' ' {
		return nil, false
	}
	name := bytes.TrimRight(line[:bar], " ")
	if number, of, ok := bytes.Cut(name, []byte("|")); ok && isDigits(number) { // pm2
		name = of
	}
	task, node, swarm := bytes.Cut(name, []byte("@"))
	if !isName(task) || isLevelWord(name) || swarm && !isName(node) {
		return nil, false
	}
	r.stamp(s)
	r.Wrappers, r.Stream = r.Wrappers|Compose, name
	return line[bar+2:], true
}

// isName reports whether text is a name as Kubernetes and compose allow it.
func isName(text []byte) bool {
	for _, c := range text {
		if !isNameByte(c) {
			return false
		}
	}
	return len(text) > 0
}

func isNameByte(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_' || c == '.'
}
