package rabbitmq

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/webapi"
)

// Address is the address of a server.
type Address struct {
	broker     *url.URL // amqp or amqps; nil if only the management API is known
	management *url.URL // with the same user
	tls        *tls.Config
}

// IsScheme reports whether addresses of RabbitMQ begin with scheme.
func IsScheme(scheme string) bool { return scheme == "amqp" || scheme == "amqps" }

// managementOffset is how far the usual port of the management API is above that of AMQP.
const managementOffset = 10_000

// Parse reads an address such as amqp://user:password@host:5672/vhost, or that of the
// management API. The error does not repeat it, since it may hold a password.
func Parse(address string) (Address, error) {
	u, err := url.Parse(address)
	wrong := errors.New("not an address of RabbitMQ (not shown, it may hold a password); want amqp://user@host:5672/vhost, or http://user@host:15672 for its management API")
	switch {
	case err != nil || u.Hostname() == "":
		return Address{}, wrong
	case u.Scheme == "http" || u.Scheme == "https":
		base, err := webapi.Parse(address)
		return Address{management: base}, err
	case !IsScheme(strings.ToLower(u.Scheme)):
		return Address{}, wrong
	}
	port, err := strconv.Atoi(portOf(u))
	if err != nil || port > 65535 {
		return Address{}, wrong
	}
	broker := &url.URL{Scheme: strings.ToLower(u.Scheme), User: u.User, Host: net.JoinHostPort(u.Hostname(), strconv.Itoa(port)), Path: u.Path, RawPath: u.RawPath}
	if broker.User == nil {
		broker.User = url.UserPassword("guest", "guest") // as clients do
	}
	management := &url.URL{Scheme: "http", User: broker.User, Host: net.JoinHostPort(u.Hostname(), strconv.Itoa(port+managementOffset))}
	if broker.Scheme == "amqps" {
		management.Scheme = "https"
	}
	return Address{broker, management, &tls.Config{MinVersion: tls.VersionTLS12}}, nil
}

// WithTLS returns a with other settings of TLS for the broker.
func (a Address) WithTLS(settings *tls.Config) Address {
	a.tls = cmp.Or(settings, a.tls)
	return a
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "amqps"):
		return "5671"
	}
	return "5672"
}

// String writes the address without the password.
func (a Address) String() string {
	if a.broker == nil {
		return client.RedactURL(a.management)
	}
	u := *a.broker
	u.User = url.User(u.User.Username())
	return u.String()
}

func (a Address) user() string {
	if a.broker == nil {
		return a.management.User.Username()
	}
	return a.broker.User.Username()
}

// host returns the name of the host.
func (a Address) host() string { return a.management.Hostname() }

// vhost returns the virtual host of the address, / if it names none.
func (a Address) vhost() string {
	if name := strings.TrimPrefix(a.broker.Path, "/"); name != "" {
		return name
	}
	return "/"
}
