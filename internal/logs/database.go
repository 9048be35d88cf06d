package logs

import (
	"cmp"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// DatabaseRow is a class of database errors for one statement.
type DatabaseRow struct {
	Class     string    `json:"class"`
	Statement string    `json:"statement,omitempty"` // with literals as ?
	Message   string    `json:"message"`             // of the first
	Count     int64     `json:"count"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
}

// databaseClasses are the phrases of drivers and servers, the most specific first.
// The classes are those of SQLSTATE: 08, 53, 57, 40, 42, 23.
var databaseClasses = []struct {
	class string
	words []string
}{
	{"pool exhausted", []string{"connection is not available, request timed out", "pool timed out", "queuepool limit", "pool exhausted", "timeout exceeded when trying to connect", "pooltimeout", "couldn't get a connection"}},
	{"pool closed", []string{"pool is closed", "pool after calling end", "is closed"}},
	{"too many connections", []string{"too many clients", "too many connections", "remaining connection slots", "max number of clients", "53300"}},
	{"connection lost", []string{"server closed the connection", "connection terminated", "terminating connection", "connection already closed", "econnreset", "broken pipe", "bad connection"}},
	{"connection refused", []string{"connection refused", "econnrefused", "could not connect", "no database connection", "connect timeout"}},
	{"deadlock or serialization", []string{"deadlock", "could not serialize", "40p01", "40001"}},
	{"statement cancelled or timed out", []string{"statement timeout", "canceling statement", "lock timeout", "query timeout", "57014", "lock wait timeout"}},
	{"out of memory or space", []string{"oom command not allowed", "out of memory", "no space left", "can't save in background"}},
	{"read only", []string{"read-only transaction", "readonly you can't write"}},
	{"starting up", []string{"database system is starting", "loading redis is loading"}},
	{"constraint", []string{"violates", "duplicate key", "duplicate entry", "unique constraint failed", "e11000"}},
	{"statement wrong", []string{"syntax error", "does not exist", "no such table", "unknown column", "undefined column"}},
}

// databaseWords say that a line is about a database at all.
var databaseWords = []string{
	"database", "postgres", "pq:", "psycopg", "asyncpg", "sqlalchemy", "hikari", "pgx", "mysql", "mongo", "redis", "sqlite", "sqlstate", " pool", "pool-", "pool exhausted", "pool is closed", "pool timed out", "queuepool", "pooltimeout", "pool after calling end", "too many clients", "statement timeout", "deadlock", ":5432", ":3306", ":6379",
}

// class returns the class of a database error, "" for all other entries.
func (d *database) class(e *input.Entry, said *wordSet) string {
	fromServer := e.Format == logline.Postgres || e.Format == logline.Redis
	if !fromServer && !isError(e) && len(e.ErrorText) == 0 || fromServer && e.Level < logline.Warn {
		return ""
	}
	if !fromServer && len(e.Statement) == 0 && !isSQLState(e.ErrorType) && !said.any(&d.lexicon.database) {
		return ""
	}
	for i := range d.lexicon.classes {
		if said.any(&d.lexicon.classes[i]) {
			return databaseClasses[i].class
		}
	}
	return sqlStateClass(e.ErrorType)
}

func isSQLState(code []byte) bool {
	if len(code) != 5 {
		return false
	}
	for _, c := range code {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return code[0] >= '0' && code[0] <= '9'
}

// sqlStateClass names the class of an SQLSTATE.
func sqlStateClass(code []byte) string {
	if isSQLState(code) {
		name, ok := map[string]string{
			"08": "connection lost", "53": "too many connections", "57": "statement cancelled or timed out", "40": "deadlock or serialization",
			"42": "statement wrong", "23": "constraint",
		}[string(code[:2])]
		if ok {
			return name
		}
	}
	return "other"
}

// database groups database errors by class and statement.
type database struct {
	lexicon *lexicon
	rows    tally[databaseCount]
}

type databaseCount struct {
	occurrences

	message string
}

func (d *database) add(e *input.Entry, said *wordSet) {
	class := d.class(e, said)
	if class == "" {
		return
	}
	row := d.rows.row(pairKey(class, statementFingerprint(text(e.Statement))))
	if row.count == 0 {
		row.message = titleOf(e)
	}
	row.add(e)
}

func (d *database) result() []DatabaseRow {
	rows := []DatabaseRow{}
	for name, c := range d.rows.sorted(func(a, b *databaseCount) int { return cmp.Compare(b.count, a.count) }) {
		class, statement, _ := strings.Cut(name, "\x00")
		rows = append(rows, DatabaseRow{Class: class, Statement: statement, Message: c.message, Count: c.count, First: timeOf(c.first), Last: timeOf(c.last)})
	}
	return rows
}

// statementFingerprint returns an SQL statement with its literals and its lists of
// parameters as "?", in one line of single blanks.
func statementFingerprint(statement string) string {
	var b strings.Builder
	for i := 0; i < len(statement); {
		c := statement[i]
		switch {
		case c == '\'':
			i = skipQuoted(statement, i)
			b.WriteByte('?')
		case c == '$' && (i == 0 || !isWord(statement[i-1])) && isTag(statement[i+1:]): // $$text$$
			i = len(statement)
			b.WriteByte('?')
		case c >= '0' && c <= '9' && (i == 0 || !isWord(statement[i-1])):
			for i < len(statement) && (isWord(statement[i]) || statement[i] == '.') {
				i++
			}
			b.WriteByte('?')
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			for i < len(statement) && strings.IndexByte(" \n\t\r", statement[i]) >= 0 {
				i++
			}
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
			i++
		}
	}
	s := strings.TrimSpace(b.String())
	for strings.Contains(s, "?, ?") || strings.Contains(s, "?,?") {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "?, ?", "?"), "?,?", "?")
	}
	return s
}

// isTag reports whether text goes on as the beginning of a literal in dollars.
func isTag(text string) bool {
	for i := range len(text) {
		if text[i] == '$' {
			return true
		}
		if !isWord(text[i]) || i == 0 && text[i] <= '9' {
			return false
		}
	}
	return false
}

// skipQuoted returns the index behind a quoted literal; a doubled quote is part of it. Behind
// a quote with a backslash, which ends it in some databases only, all is taken for literal.
func skipQuoted(s string, i int) int {
	for i++; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && s[i+1] == '\'' {
			return len(s)
		}
		if s[i] != '\'' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			i++
			continue
		}
		return i + 1
	}
	return len(s)
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '$'
}
