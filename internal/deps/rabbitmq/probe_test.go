package rabbitmq

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// start is a frame with Connection.Start that has a table.
func start(table string) []byte {
	payload := append([]byte{0, 10, 0, 10, 0, 9}, binary.BigEndian.AppendUint32(nil, uint32(len(table)))...)
	payload = append(payload, table...)
	return append(binary.BigEndian.AppendUint32([]byte{1, 0, 0}, uint32(len(payload))), append(payload, 0xce)...)
}

const products = "\x04nestF\x00\x00\x00\x04\x01at\x01\x03oneV\x07productS\x00\x00\x00\x06Rabbit\x07versionS\x00\x00\x00\x013"

func TestReadStart(t *testing.T) {
	t.Parallel()
	got, err := readStart(bytes.NewReader(start(products)))
	if err != nil || got["product"] != "Rabbit" || got["version"] != "3" || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"AMQP\x00\x00\x09\x01", "HTTP/1.1 400 Bad Request\r\n", "", "\x01\x00\x00\xff\xff\xff\xff", "\x01\x00\x00\x00\x00\x00\x06\x00\x0a\x00\x0a\x00\x09"} {
		if got, err := readStart(strings.NewReader(text)); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// A server that is none of AMQP, and one that never answers, are named within the time to
// connect.
func TestOtherServers(t *testing.T) {
	t.Parallel()
	for want, answer := range map[string]func(net.Conn){
		"the answer is not AMQP": func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
		"no answer within 3s":    func(c net.Conn) { _, _ = c.Read(make([]byte, 100)); _, _ = c.Read(make([]byte, 1)) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			a, err := Parse(strings.Replace(clienttest.Speak(t, answer), "http", "amqp", 1))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			list := Check(t.Context(), Config{Address: a, Only: func(string) bool { return true }})
			if len(list) != 1 || list[0].Severity != finding.Fail || !strings.Contains(list[0].Summary, want) || time.Since(began) > 4*time.Second {
				t.Errorf("%s %+v", time.Since(began), list)
			}
		})
	}
}

// With amqps:// a certificate that nobody vouches for is refused, and one of an authority that
// was named is taken.
func TestRabbitTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	a, err := Parse("amqps://" + s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	trusting := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool(), ServerName: "example.com"}
	trusting.RootCAs.AddCert(s.Certificate())
	for want, settings := range map[string]*tls.Config{"certificate": nil, "no answer within 3s": trusting} {
		list := Check(t.Context(), Config{Address: a.WithTLS(settings), Only: func(string) bool { return true }})
		if len(list) != 1 || !strings.Contains(list[0].Summary, want) {
			t.Errorf("%s: %+v", want, list)
		}
	}
}

// An address is shown without its password, and a wrong one not at all.
func TestParse(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"amqp://h": "amqp://guest@h:5672 http://h:15672", "amqps://u:topsecret@h:7/v%2Fw": "amqps://u@h:7/v%2Fw https://h:10007", "http://u:topsecret@h:15672": "http://REDACTED@h:15672 http://h:15672",
		"amqp://": "", "redis://h": "", "amqp://u:topsecret@h:port": "", "amqp://u:topsecret@h:99999": "",
	} {
		a, err := Parse(address)
		got := ""
		if err == nil {
			management := *a.management
			management.User = nil
			got = a.String() + " " + management.String()
		}
		if got != want || strings.Contains(got, "topsecret") || err != nil && strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s is %q, %v; want %q", address, got, err, want)
		}
	}
}

// The judgements that would need many messages; a user of other machines is warned of.
func TestJudgements(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		was, now queue
		twice    bool
		prefetch int64
		want     string
	}{
		"a consumer that keeps up":   {queue{}, queue{Consumers: 1, Ready: 3}, false, 10, ""},
		"ready messages grow":        {queue{Ready: 3}, queue{Consumers: 1, Ready: 9}, true, 10, "9 messages waiting, 6 more"},
		"no limit, many unconfirmed": {queue{}, queue{Consumers: 2, Unacked: 2000}, false, -1, "2,000 messages that nobody acknowledged"},
		"no limit, some":             {queue{}, queue{Consumers: 2, Unacked: 1999}, false, -1, ""},
		"a stream":                   {queue{Ready: 3}, queue{Type: "stream", Ready: 9}, true, 0, ""},
		"down":                       {queue{}, queue{State: "down"}, false, 0, "is down"},
	} {
		got := tc.now.problems(tc.was, tc.twice, tc.prefetch)
		if tc.want == "" && len(got) > 0 || tc.want != "" && (len(got) != 1 || !strings.Contains(got[0].text, tc.want)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	a, _ := Parse("amqp://guest:guest@192.0.2.1")
	c := &checker{Config: Config{Address: a, Client: &client.Client{}}}
	c.List.Only = func(string) bool { return true }
	if c.guest(); len(c.Findings) != 1 {
		t.Errorf("%+v", c.Findings)
	}
}

// Queues and churn share the interval: two of it are more time than a check has.
func TestOneInterval(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"/api/whoami": `{"tags": ["monitoring"]}`, "/api/overview": `{"object_totals": {"queues": 0}, "churn_rates": {"connection_created": 7}}`,
		"/api/queues": `{"items": [], "page_count": 1}`, "/api/consumers": "[]", "/api/nodes": "[]",
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, cmp.Or(answers[r.URL.Path], "{}"))
	}))
	defer s.Close()
	a, err := Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const interval = 2 * time.Second
	for _, only := range []string{"rabbit.", "rabbit.churn"} {
		began := time.Now()
		list := Check(t.Context(), Config{Address: a, Client: c, Interval: interval, Only: func(id string) bool { return strings.HasPrefix(id, only) }})
		if took := time.Since(began); took < interval || took >= 2*interval {
			t.Errorf("%s: %s", only, took)
		}
		if last := list[len(list)-1]; last.ID != "rabbit.churn" || last.Severity != finding.Pass {
			t.Errorf("%s: %+v", only, list)
		}
	}
}

// FuzzReadStart wants no answer to break the reader.
func FuzzReadStart(f *testing.F) {
	f.Add(start(products))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := readStart(bytes.NewReader(data)); err != nil && got != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
}
