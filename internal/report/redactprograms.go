package report

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// passwordFlags are the short flags of programs whose value is a password, which may
// follow without a space: mysql -pPASSWORD.
var passwordFlags = map[string]string{
	"mysql": "-p", "mysqldump": "-p", "mysqladmin": "-p", "mysqlimport": "-p", "mysqlcheck": "-p", "mysqlshow": "-p", "mysqlsh": "-p", "mycli": "-p",
	"mariadb": "-p", "mariadb-dump": "-p", "mariadb-admin": "-p", "mariadb-import": "-p", "mariadb-check": "-p",
	"mongo": "-p", "mongosh": "-p", "mongodump": "-p", "mongorestore": "-p", "mongoexport": "-p", "mongoimport": "-p",
	"redis-cli": "-a", "valkey-cli": "-a", "keydb-cli": "-a", "cqlsh": "-p", "sqlcmd": "-P", "bcp": "-P",
	"ldapsearch": "-w", "ldapmodify": "-w", "ldapadd": "-w", "ldapwhoami": "-w",
	"mosquitto_pub": "-P", "mosquitto_sub": "-P", //nolint:misspell // their names
	"sshpass": "-p", "7z": "-p", "7za": "-p", "zip": "-P", "unzip": "-P",
	"login": "-p", // docker login, az login
}

var (
	// A word of a script, or the end of a command in it.
	scriptWord = regexp.MustCompile(`(?:\\.|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"';&|()\\])+|[;&|\n]`)
	// NAME:PASSWORD after a flag of curl, and in one argument with it.
	curlUser     = regexp.MustCompile(`^([^:]*:).+$`)
	curlAttached = regexp.MustCompile(`^((?:-[uU]|--user=|--proxy-user=)[^:]*:).+$`)
	// The ports of docker run -p, also if a container or an image has the name of a client.
	portMapping = regexp.MustCompile(`^(?:[\d.]+:)?\d{2,5}:\d{2,5}(?:/(?:tcp|udp))?$`)
)

// programFlags follows a command line and blanks passwords after the short flags of
// the programs in it.
type programFlags struct {
	program string
}

// redact redacts an argument that follows before.
func (p *programFlags) redact(before, arg string) string {
	name := strings.TrimSuffix(strings.ToLower(arg[strings.LastIndexAny(arg, `/\`)+1:]), ".exe")
	flag := passwordFlags[p.program]
	switch {
	case arg == ";" || arg == "&" || arg == "|" || arg == "\n":
		p.program = ""
	case flag != "" && (before == flag && portMapping.MatchString(arg) || strings.HasPrefix(arg, flag) && portMapping.MatchString(arg[len(flag):])):
		return arg
	case flag != "" && before == flag && !strings.HasPrefix(arg, "-"):
		return redacted
	case flag != "" && len(arg) > len(flag) && strings.HasPrefix(arg, flag):
		return flag + redacted
	case p.program == "curl" && slices.Contains(userFlags, before):
		return curlUser.ReplaceAllString(arg, "${1}"+redacted)
	case p.program == "curl" && curlAttached.MatchString(arg):
		return curlAttached.ReplaceAllString(arg, "${1}"+redacted)
	case passwordFlags[name] != "" || name == "curl":
		p.program = name
	}
	return arg
}

var (
	// Words of names such as MAX_TOKENS and PROMPT_TOKENS, whose value is a number of tokens or a list of words.
	countWords = []string{"max", "min", "num", "total", "input", "output", "prompt", "completion", "context", "new", "stop", "special"}
	// Values of --session and --license that are no secrets.
	plainValue = regexp.MustCompile(`(?i)^(?:\d{1,6}|user|call|none|auto|new|default|true|false|yes|no|on|off|y|n|accept(?:ed)?|trial|free|community|enterprise|MIT|ISC|(?:apache|bsd|a?gpl|lgpl|mpl)-?[\w.+-]*|[\w./~-]*/[\w.-]+\.\w{1,5})$`)
)

// isSecretArg reports whether a value of a flag or variable on a command line is a secret:
// of a name of [SecretName], or of one that is an ordinary word in other texts.
func isSecretArg(name, value string) bool {
	if SecretName(name) {
		return true
	}
	words := nameWords(name)
	if len(words) == 0 {
		return false
	}
	switch words[len(words)-1] {
	case "tokens":
		counts := slices.ContainsFunc(words, func(w string) bool { return slices.Contains(countWords, w) })
		return !counts && strings.ContainsFunc(value, unicode.IsLetter)
	case "id":
		return len(words) > 1 && (words[len(words)-2] == "session" || words[len(words)-2] == "secret") && !plainValue.MatchString(value)
	case "session", "sessions", "sessionid", "sid", "license", "licence", "pw", "cookies":
		return !plainValue.MatchString(value)
	}
	return false
}
