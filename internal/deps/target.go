package deps

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/deps/rabbitmq"
	"github.com/mcpdiag/mcpdiag/internal/deps/redis"
	"github.com/mcpdiag/mcpdiag/internal/deps/s3"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Kind is a kind of server.
type Kind string

// Kinds.
const (
	Postgres     Kind = "postgres"
	Redis        Kind = "redis"
	RabbitMQ     Kind = "rabbitmq"
	S3           Kind = "s3"
	Prometheus   Kind = "prometheus"
	Alertmanager Kind = "alertmanager"
	Kube         Kind = "kube"
)

// Target is the address of a server. Address and Environ may hold secrets and are not printed.
type Target struct {
	Kind    Kind
	Address string
	Origin  string            // "--postgres", "DATABASE_URL", "DATABASE_URL of pid 12"
	Environ map[string]string // more of its environment, such as the keys of S3
}

// Secrets returns the secrets of the target, which must not be printed.
func (t Target) Secrets() (all []string) {
	if u, err := url.Parse(t.Address); err == nil {
		if password, set := u.User.Password(); set {
			all = append(all, password)
		}
	}
	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		if v := t.Environ[name]; v != "" {
			all = append(all, v)
		}
	}
	return all
}

// maxTargets bounds the servers that are checked in one run.
const maxTargets = 10

// byName are the variables whose values say only that they are the address of a web server.
var byName = map[string]Kind{"PROMETHEUS_URL": Prometheus, "ALERTMANAGER_URL": Alertmanager}

// kindOf returns the kind of server that the value of a variable names, "" if it is none
// of ours. An argument has no name.
func kindOf(name, address string) Kind {
	scheme, _, ok := strings.Cut(withoutDriver(address), "://")
	if !ok {
		return ""
	}
	switch scheme = strings.ToLower(scheme); {
	case scheme == "http", scheme == "https":
		return byName[name]
	case scheme == "postgres", scheme == "postgresql":
		return Postgres
	case redis.IsScheme(scheme):
		return Redis
	case rabbitmq.IsScheme(scheme):
		return RabbitMQ
	case scheme == "s3":
		return S3
	}
	return ""
}

// buckets are the variables that hold the name of a bucket.
var buckets = []string{"S3_BUCKET", "AWS_S3_BUCKET", "S3_BUCKET_NAME", "AWS_BUCKET"}

// FromEnviron returns the servers that the variables of an environment name, by the
// schemes of their values, those of web servers and buckets by their names.
func FromEnviron(environ []string, origin string) []Target {
	var all []Target
	for _, set := range environ {
		name, value, ok := strings.Cut(set, "=")
		if slices.Contains(buckets, name) && value != "" && !strings.Contains(value, "://") {
			value = "s3://" + value
		}
		if kind := kindOf(name, value); ok && kind != "" {
			all = append(all, newTarget(kind, value, name+origin, environ))
		}
	}
	return distinct(all)
}

// driver matches the schemes of SQLAlchemy, which name the driver: postgresql+asyncpg.
var driver = regexp.MustCompile(`^(?i)(postgres(?:ql)?)\+\w+://`)

func withoutDriver(address string) string { return driver.ReplaceAllString(address, "$1://") }

// newTarget returns a target with the variables of an environment that belong to it.
func newTarget(kind Kind, address, origin string, environ []string) Target {
	t := Target{kind, withoutDriver(address), origin, nil}
	for _, set := range environ {
		if name, value, ok := strings.Cut(set, "="); ok && t.Kind == S3 && slices.Contains(s3.Variables, name) {
			if t.Environ == nil {
				t.Environ = map[string]string{}
			}
			t.Environ[name] = value
		}
	}
	return t
}

// hostPort matches addresses that begin with a host and a port, perhaps with a user.
var hostPort = regexp.MustCompile(`^(?:[^\s/=]*@)?(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):(\d+)(?:[/?]|$)`)

// withScheme returns the address of a server of this kind with the scheme that it lacks.
func withScheme(kind Kind, address string) string {
	m := hostPort.FindStringSubmatch(address)
	if m == nil {
		return address
	}
	switch scheme := map[Kind]string{Postgres: "postgres", Redis: "redis", RabbitMQ: "amqp", S3: "http"}[kind]; {
	case kind == RabbitMQ && m[1] == "15672": // of the management API
		return "http://" + address
	case scheme != "":
		return scheme + "://" + address
	}
	return address
}

// Named returns the server that a flag names, with the variables of an environment that
// belong to it. Of its address HOST:PORT is enough.
func Named(kind Kind, address string, environ []string) Target {
	return newTarget(kind, withScheme(kind, address), "--"+string(kind), environ)
}

// distinct sorts targets by their origins, and removes those that are there twice.
func distinct(all []Target) []Target {
	slices.SortStableFunc(all, func(a, b Target) int { return cmp.Compare(a.Origin, b.Origin) })
	return unique(all)
}

// unique removes the targets whose kind and address are those of an earlier one. A bucket is another
// target with another key.
func unique(all []Target) []Target {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(t Target) bool {
		name := string(t.Kind) + "\x00" + t.Address + "\x00" + t.Environ["AWS_ACCESS_KEY_ID"]
		twice := seen[name]
		seen[name] = true
		return twice
	})
}

// FromServer returns the servers that the environment and the arguments of an MCP server
// name; of is that server, such as "pid 12".
func FromServer(of string, environ, args []string) []Target {
	all := FromEnviron(environ, " of "+of)
	for _, arg := range args {
		if kind := kindOf("", arg); kind != "" {
			all = append(all, newTarget(kind, arg, "an argument of "+of, environ))
		}
	}
	return distinct(all)
}

// unset returns a placeholder of an mcp.json in the address that its reader could not fill
// in, such as ${input:password}.
func (t Target) unset() string {
	_, rest, begins := strings.Cut(t.Address, "${")
	name, _, ends := strings.Cut(rest, "}")
	if !begins || !ends {
		return ""
	}
	return "${" + report.Cell(name, 60) + "}"
}
