package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/deps/webapi"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Paths are all that the management API is asked for, with GET.
var Paths = []string{"/api/whoami", "/api/overview", "/api/nodes", "/api/queues", "/api/consumers", "/api/health/checks/"}

// Config describes a check.
type Config struct {
	Address  Address
	Client   *client.Client // for the management API
	Interval time.Duration  // between two readings of the queues; 0 reads once
	Only     func(id string) bool
}

type checker struct {
	Config
	checks.List
	api   *webapi.Server
	first func() (overview, error) // before the interval, read once
	began time.Time                // of the interval
}

// Check judges the server and returns the findings.
func Check(ctx context.Context, cfg Config) []finding.Finding {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second+cfg.Interval)
	defer cancel()
	c := &checker{Config: cfg, List: checks.List{Group: "rabbitmq", Only: cfg.Only}, api: webapi.New(cfg.Client, cfg.Address.management, Paths...)}
	c.first = sync.OnceValues(func() (overview, error) {
		c.began = time.Now()
		return c.overview(ctx)
	})
	if cfg.Address.broker != nil && !c.connect(ctx) {
		return c.Findings
	}
	if cfg.Address.broker != nil {
		c.Run(ctx, []checks.Check{{ID: "rabbit.login", Run: c.login}})
	}
	c.guest()
	if c.manages(ctx) {
		c.Run(ctx, []checks.Check{
			{ID: "rabbit.clock", Run: func(_ context.Context, id string) error { return c.api.Clock(&c.List, id) }},
			{ID: "rabbit.alarms", Run: c.alarms},
			{ID: "rabbit.health", Run: c.health},
			{ID: "rabbit.nodes", Run: c.nodes},
			{ID: "rabbit.queues", Run: c.queues},
			{ID: "rabbit.churn", Run: c.churn},
		})
	}
	return c.Findings
}

// connect reads how the server introduces itself before a login.
func (c *checker) connect(ctx context.Context) bool {
	const id = "rabbit.connect"
	start := time.Now()
	product, version, err := c.Address.probe(ctx)
	if err != nil {
		c.Add(id, finding.Fail, "is the address right, does the server run, and does a firewall let this machine in?", nil, "%s", causeOf(err))
		return false
	}
	c.Add(id, finding.Pass, "", nil, "%s %s, answered before a login in %s", report.Cell(product, 30), report.Cell(version, 20), report.Duration(time.Since(start)))
	return true
}

// causeOf writes an error without the address.
func causeOf(err error) string {
	if e, ok := errors.AsType[*net.OpError](err); ok && !e.Timeout() {
		return "no connection: " + report.Cell(e.Err.Error(), 200)
	}
	if e, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && e.Timeout() {
		return "no answer within " + report.Duration(checks.ConnectTime)
	}
	return "no connection: " + report.Cell(err.Error(), 200)
}

// login logs in and out.
func (c *checker) login(ctx context.Context, id string) error {
	a := c.Address
	password, _ := a.broker.User.Password()
	start := time.Now()
	conn, err := amqp.DialConfig(a.broker.Scheme+"://"+a.broker.Host, amqp.Config{
		SASL: []amqp.Authentication{&amqp.PlainAuth{Username: a.user(), Password: password}}, Vhost: a.vhost(), Heartbeat: 10 * time.Second,
		Properties: amqp.Table{"connection_name": "mcpdiag", "capabilities": amqp.Table{"authentication_failure_close": true}},
		Dial: func(string, string) (net.Conn, error) { // TLS is set up here, so that the deadline holds for it
			conn, err := a.dial(ctx)
			if err != nil {
				return nil, err
			}
			return conn, conn.SetDeadline(time.Now().Add(checks.ConnectTime))
		},
	})
	if err != nil {
		c.refused(id, err)
		return nil
	}
	took := time.Since(start)
	_ = conn.Close() // the login is all that was wanted
	c.Add(id, finding.Pass, "", nil, "%s may use the virtual host %s, logged in in %s", report.Cell(a.user(), 40), report.Cell(a.vhost(), 40), report.Duration(took))
	return nil
}

// refused reports a login that failed.
func (c *checker) refused(id string, err error) {
	e, ok := errors.AsType[*amqp.Error](err)
	if !ok {
		c.Add(id, finding.Fail, "its log names the reason", nil, "the login failed: %s", causeOf(err))
		return
	}
	hint := map[int]string{
		amqp.AccessRefused: "compare user and password with those of the MCP server's environment; the user guest may log in from the server's own machine only",
		amqp.NotAllowed:    "the virtual host does not exist, or the user has no permissions in it: rabbitmqctl list_vhosts, list_permissions",
	}[e.Code]
	c.Add(id, finding.Fail, hint, nil, "the login was refused: %s (%d)", report.Cell(e.Reason, 160), e.Code)
}

// guest warns of the well-known user on a server that other machines reach.
func (c *checker) guest() {
	const id = "rabbit.guest"
	if c.List.Only(id) && c.Address.user() == "guest" && !client.IsLoopback(c.Address.host()) {
		c.Add(id, finding.Warn, "create a user for the MCP server, and delete guest: rabbitmqctl add_user, delete_user guest", nil, "guest, whose password is known to all, logs in over the network")
	}
}

// monitoring are the tags that see the queues and nodes of all.
var monitoring = []string{"monitoring", "administrator"}

// manages reports whether the management API answers the user in full.
func (c *checker) manages(ctx context.Context) bool {
	const id = "rabbit.api"
	var who struct {
		Tags tags `json:"tags"`
	}
	err := c.api.Get(ctx, "/api/whoami", nil, &who)
	grant := "rabbitmqctl set_user_tags " + report.Cell(c.Address.user(), 40) + " monitoring"
	switch {
	case webapi.Status(err) == http.StatusUnauthorized && c.Address.broker == nil:
		c.Add(id, finding.Fail, "a user and a password go into the address; the user needs a tag: "+grant, nil, "the management API refused the user: %s", report.Cell(err.Error(), 160))
	case webapi.Status(err) == http.StatusUnauthorized:
		c.Add(id, finding.Skip, "", nil, "queues and alarms are not checked; missing right: %s", grant)
	case err != nil && c.Address.broker == nil:
		c.Add(id, finding.Fail, "is this the address of the management API of RabbitMQ?", nil, "%s", report.Cell(err.Error(), 200))
	case err != nil:
		c.Add(id, finding.Skip, "", nil, "queues and alarms are not checked: no management API at port %s (%s); rabbitmq-plugins enable rabbitmq_management, or give its address: --rabbitmq http://user@host:15672", c.Address.management.Port(), report.Cell(err.Error(), 100))
	case !slices.ContainsFunc(who.Tags, func(tag string) bool { return slices.Contains(monitoring, tag) }):
		c.Add(id, finding.Skip, "", nil, "queues and alarms are not checked, since the user sees a part of them; missing right: %s", grant)
	default:
		return true
	}
	return false
}

// tags is a list of strings, or one string with commas as before 3.9.
type tags []string

func (l *tags) UnmarshalJSON(data []byte) error {
	for tag := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return strings.ContainsRune(`[]", `, r) }) {
		*l = append(*l, tag)
	}
	return nil
}

// get asks the management API.
func (c *checker) get(ctx context.Context, path string, query url.Values, into any) error {
	err := c.api.Get(ctx, path, query, into)
	if status := webapi.Status(err); status == http.StatusUnauthorized || status == http.StatusForbidden {
		return &checks.MissingRightError{Right: fmt.Sprintf("%s was refused with status %d: rabbitmqctl set_user_tags %s monitoring", path, status, report.Cell(c.Address.user(), 40))}
	}
	return err
}
