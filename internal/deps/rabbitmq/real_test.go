//go:build unix

package rabbitmq

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// agent marks the requests of mcpdiag in the log of the server.
const agent = "mcpdiag-test"

func check(t *testing.T, address string, interval time.Duration) []finding.Finding {
	t.Helper()
	a, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Agent: agent})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	list := Check(t.Context(), Config{Address: a, Client: c, Interval: interval, Only: func(string) bool { return true }})
	t.Logf("checked in %s", time.Since(start))
	if strings.Contains(fmt.Sprint(list), "secret-word") {
		t.Errorf("the password is shown: %+v", list)
	}
	return list
}

func channel(t *testing.T, address string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func publish(ch *amqp.Channel, queue string, n int) error {
	for range n {
		if err := ch.PublishWithContext(context.Background(), "", queue, false, false, amqp.Publishing{Body: []byte("x")}); err != nil {
			return err
		}
	}
	return nil
}

// api changes the server by its management API, as an administrator.
func api(t *testing.T, method, address, path, body string) {
	t.Helper()
	req, err := http.NewRequest(method, address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", path, resp.Status)
	}
}

func management(address string) string {
	a, _ := Parse(address)
	return a.management.String()
}

// The checks of a real server: first healthy, then with planted faults.
func TestRealServer(t *testing.T) {
	t.Parallel()
	processtest.NeedsThorough(t)
	if testing.Short() {
		t.Skip("RabbitMQ takes most of a minute")
	}
	server := depstest.RabbitMQ(t)
	ch := channel(t, server.Address)
	for _, name := range []string{"jobs", "orphan", "greedy", "busy", "slow"} {
		if _, err := ch.QueueDeclare(name, false, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("healthy", func(t *testing.T) { healthy(t, server, ch) })
	t.Run("rights", func(t *testing.T) { rights(t, server) })
	t.Run("refusals", func(t *testing.T) { refusals(t, server) })
	t.Run("planted", func(t *testing.T) { planted(t, server, ch) })
	t.Run("alarm", func(t *testing.T) { alarm(t, server) })
	for _, seen := range depstest.Requests(t, server.Log) {
		if request, ours := strings.CutSuffix(seen, " "+agent); ours && !listed(request) {
			t.Errorf("not in the list: %s", request)
		}
	}
}

func listed(request string) bool {
	for _, path := range Paths {
		if rest, ok := strings.CutPrefix(request, "GET "+path); ok && (rest == "" || strings.HasSuffix(path, "/")) {
			return true
		}
	}
	return false
}

// until repeats a check until the statistics of the server, which lag, show a finding.
func until(t *testing.T, ready func([]finding.Finding) bool, check func() []finding.Finding) (list []finding.Finding) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if list = check(); ready(list) {
			return list
		}
	}
	return list
}

func has(list []finding.Finding, id string, part string) bool {
	for _, f := range list {
		if f.ID == id && strings.Contains(f.Summary, part) {
			return true
		}
	}
	return false
}

func healthy(t *testing.T, server depstest.Server, ch *amqp.Channel) {
	if _, err := ch.Consume("jobs", "", false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	list := until(t, func(list []finding.Finding) bool { return has(list, "rabbit.queues", "5 queues") }, func() []finding.Finding { return check(t, server.Address, 0) })
	depstest.Healthy(t, list)
	depstest.Wants(t, list, "rabbit.connect", finding.Pass, "RabbitMQ 3.")
	depstest.Wants(t, list, "rabbit.health", finding.Pass, "4 of 5 health checks")
	depstest.Healthy(t, check(t, management(server.Address), 50*time.Millisecond))
}

// rights wants a user who sees only a part to get skips with the right that is missing.
func rights(t *testing.T, server depstest.Server) {
	at := management(server.Address)
	for name, tag := range map[string]string{"blind": "", "manager": "management", "watcher": "monitoring"} {
		api(t, "PUT", at, "/api/users/"+name, fmt.Sprintf(`{"password": "secret-word", "tags": %q}`, tag))
		if name != "watcher" {
			api(t, "PUT", at, "/api/permissions/%2F/"+name, `{"configure": "", "write": "", "read": ""}`)
		}
		list := check(t, strings.Replace(server.Address, "guest:guest", name+":secret-word", 1), 0)
		if name != "watcher" {
			depstest.Wants(t, list, "rabbit.api", finding.Skip, "missing right: rabbitmqctl set_user_tags "+name+" monitoring")
			depstest.Wants(t, list, "rabbit.login", finding.Pass, name+" may use the virtual host /")
			continue
		}
		depstest.Wants(t, list, "rabbit.login", finding.Fail, "no permissions in it")
		depstest.Wants(t, list, "rabbit.queues", finding.Skip, "rabbitmqctl set_permissions")
	}
}

func refusals(t *testing.T, server depstest.Server) {
	depstest.Wants(t, check(t, strings.Replace(server.Address, "guest:guest", "guest:secret-word", 1), 0), "rabbit.login", finding.Fail, "compare user and password")
	depstest.Wants(t, check(t, server.Address+"/none", 0), "rabbit.login", finding.Fail, "the virtual host does not exist")
	depstest.Wants(t, check(t, strings.Replace(management(server.Address), "guest:guest", "guest:secret-word", 1), 0), "rabbit.api", finding.Fail, "refused the user")
	depstest.Wants(t, check(t, "amqp://127.0.0.1:1", 0), "rabbit.connect", finding.Fail, "connection refused")
}

// planted plants a queue without a consumer that grows, one whose consumer does not
// acknowledge, and one whose consumer is at its prefetch.
func planted(t *testing.T, server depstest.Server, ch *amqp.Channel) {
	greedy, slow := channel(t, server.Address), channel(t, server.Address)
	if err := slow.Qos(3, 0, false); err != nil {
		t.Fatal(err)
	}
	for name, consumer := range map[string]*amqp.Channel{"greedy": greedy, "slow": slow} {
		deliveries, err := consumer.Consume(name, "", false, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for range deliveries { // it takes them, and acknowledges none
			}
		}()
	}
	done, ended := make(chan bool), make(chan bool)
	if err := publish(ch, "slow", 5); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if publish(ch, "orphan", 1) != nil || publish(ch, "greedy", 1) != nil {
				return
			}
		}
	}()
	list := until(t, func(list []finding.Finding) bool {
		return has(list, "rabbit.queues", "orphan in / has no consumer") && has(list, "rabbit.queues", "more in the interval, and a consumer without") && has(list, "rabbit.queues", "queue slow")
	}, func() []finding.Finding { return check(t, server.Address, 6*time.Second) }) // RabbitMQ counts every 5 s
	depstest.Wants(t, list, "rabbit.queues", finding.Fail, "the queue orphan in / has no consumer and ")
	depstest.Wants(t, list, "rabbit.queues", finding.Warn, "the queue greedy in / has ")
	depstest.Wants(t, list, "rabbit.queues", finding.Warn, "all 1 consumer of the queue slow in / hold as many messages as their prefetch lets them (3), and 2 wait")
	depstest.Wants(t, check(t, server.Address, 0), "rabbit.queues", finding.Warn, "the queue orphan in / has no consumer and ")
	for range 10 {
		channel(t, server.Address)
	}
	close(done)
	<-ended
}

// alarm fills the memory of the server by lowering its limit.
func alarm(t *testing.T, server depstest.Server) {
	depstest.SetMemoryLimit(t, server, "0.0001")
	list := until(t, func(list []finding.Finding) bool { return has(list, "rabbit.nodes", "of its memory") }, func() []finding.Finding { return check(t, server.Address, 0) })
	depstest.Wants(t, list, "rabbit.alarms", finding.Fail, "an alarm is in effect: memory on test")
	depstest.Wants(t, list, "rabbit.nodes", finding.Fail, "of its memory")
}
