package report

import (
	"regexp"
	"slices"
	"strings"
)

// Arguments of commands.
var (
	// userFlags are flags of curl and others whose value is NAME:PASSWORD. Numbers are
	// the user and group of docker run.
	userFlags    = []string{"-u", "--user", "--proxy-user", "-U", "--login", "--basic"}
	userPassword = regexp.MustCompile(`^([^:]*[^:\d][^:]*:).+$`)
	// A switch that takes no value, although the word after it names a secret.
	switchFlag = regexp.MustCompile(`^--?(?:no|enable|disable|allow|skip|require|with|without|use)-`)
	// A flag whose value is a script: sh -c, bash -lc, cmd /c, powershell -Command.
	scriptFlag = regexp.MustCompile(`^(?:-[a-z]*c|/[cC]|(?i:-command))$`)
	// An argument that is one assignment as a whole: NAME=VALUE, --name=VALUE, /name:VALUE, Name: value.
	assigned = regexp.MustCompile(`(?s)^((?:-{0,2}|/)[A-Za-z_][\w.-]*)(\+?=|:=|:[ \t]*)(.+)$`)
	// A flag as programs of Windows have them, and not a path.
	slashFlag = regexp.MustCompile(`^/[A-Za-z][\w-]*$`)
	// An assignment or a flag in a script, with a word as shells read it.
	scripted = regexp.MustCompile(`(--?[A-Za-z][\w.-]*(?:=| +)|[A-Za-z_]\w*\+?=)((?:\\.|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"';&|()\\-])(?:\\.|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"';&|()\\])*)`)
	// NAME:PASSWORD@HOST without a scheme, as drivers of databases take it.
	userInfo = regexp.MustCompile(`^([\w.+-]*=)?([\w.+%-]*):([^\s:@/"']+)@([\w.-]+[:/]|[\w-]+\.[\w.-]+$|localhost$|\w+\()`)
	// Beginnings of references that look like it: packages, images, mail addresses.
	noUser = []string{"npm", "jsr", "file", "link", "workspace", "mailto", "sip", "github", "git"}
)

// RedactArgs returns a command line without its secrets: values of flags,
// variables, headers and members of JSON whose names look secret, passwords in
// addresses, and tokens of a known shape.
func RedactArgs(args []string) []string {
	out := make([]string, len(args))
	var programs programFlags
	before := ""
	for i, arg := range args {
		if out[i] = programs.redact(before, arg); out[i] == arg {
			out[i] = redactArg(before, arg)
		}
		before = arg
	}
	return out
}

// redactArg redacts an argument that follows before.
func redactArg(before, arg string) string {
	if takesSecret(before, arg) && !isFlag(arg) && (passwordName.MatchString(before) || !isKeyFile(arg)) {
		return redacted
	}
	if scriptFlag.MatchString(before) {
		return RedactText(redactScript(arg))
	}
	if secret, ok := redactAssigned(arg); ok {
		return secret
	}
	arg = redactPairs(assignment, RedactText(arg), isSecretArg)
	if strings.ContainsAny(arg, " \t\n") {
		arg = redactWords(arg)
	}
	if slices.Contains(userFlags, before) {
		return userPassword.ReplaceAllString(arg, "${1}"+redacted)
	}
	if flag, value, ok := strings.Cut(arg, "="); ok && slices.Contains(userFlags, flag) {
		return flag + "=" + userPassword.ReplaceAllString(value, "${1}"+redacted)
	}
	if m := userInfo.FindStringSubmatch(arg); m != nil && !slices.Contains(noUser, m[2]) && m[4] != "sha256:" {
		return m[1] + m[2] + ":" + redacted + arg[len(m[1])+len(m[2])+1+len(m[3]):]
	}
	return arg
}

// takesSecret reports whether value, the argument after flag, is a secret.
func takesSecret(flag, value string) bool {
	if !strings.HasPrefix(flag, "-") && !slashFlag.MatchString(flag) {
		return false
	}
	return !strings.ContainsAny(flag, "=: ") && !switchFlag.MatchString(flag) && isSecretArg(flag, value)
}

// isFlag reports whether arg is the next flag rather than the value of the one
// before it. A value may begin with one dash, too.
func isFlag(arg string) bool {
	return strings.HasPrefix(arg, "--") || strings.HasPrefix(arg, "-") && len(arg) <= 2
}

// redactAssigned redacts the whole value of an argument that assigns it to a
// secret name, as --env=DB_PASSWORD=x does, too. It reports whether it is one.
func redactAssigned(arg string) (string, bool) {
	m := assigned.FindStringSubmatch(arg)
	switch {
	case m == nil:
		return "", false
	case !isSecretArg(m[1], m[3]):
		rest, ok := redactAssigned(m[3])
		return m[1] + m[2] + rest, ok
	case isPlain(m[1], m[3]) && !isNumericSecret(m[1], m[3]):
		return arg, false
	}
	return m[1] + m[2] + redacted, true
}

// isNumericSecret reports whether a number is the value of a flag such as
// --api-key, and not a limit or a count, as of --token-limit.
func isNumericSecret(name, v string) bool {
	last := name[strings.LastIndexAny(name, "-_.")+1:]
	return len(v) >= 4 && shortNumber.MatchString(v) && last != "code" && secretWord(strings.ToLower(last))
}

// redactScript blanks the values of secret names in the text of a script.
func redactScript(text string) string {
	text = replaceSubmatches(scripted, text, func(name, v string) string {
		if name = strings.TrimRight(name, "+= "); isSecretArg(name, v) && !isPlain(name, v) {
			return redacted
		}
		return v
	})
	return redactWords(text)
}

// redactWords blanks passwords after short flags of programs and flags of Windows in the
// text of a command.
func redactWords(text string) string {
	var programs programFlags
	before := ""
	return scriptWord.ReplaceAllStringFunc(text, func(word string) string {
		out := programs.redact(before, word)
		if slashFlag.MatchString(before) && takesSecret(before, word) && !isFlag(word) {
			out = redacted
		}
		before = word
		return out
	})
}

// replaceSubmatches replaces the second group of each match of re in text.
func replaceSubmatches(re *regexp.Regexp, text string, replace func(first, second string) string) string {
	return re.ReplaceAllStringFunc(text, func(match string) string {
		m := re.FindStringSubmatch(match)
		return m[1] + replace(m[1], m[2])
	})
}
