package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// storage is a server of one bucket, "store", that checks signatures.
type storage struct {
	secret  string
	region  string
	skew    time.Duration
	refuses string        // the code of an error
	uploads time.Duration // the age of one upload, 0 for none
	mu      *sync.Mutex
	seen    []string
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.mu != nil {
		s.mu.Lock()
		s.seen = append(s.seen, r.Method+" "+r.URL.RawQuery)
		s.mu.Unlock()
	}
	w.Header().Set("Date", time.Now().Add(s.skew).UTC().Format(http.TimeFormat))
	w.Header().Set("X-Amz-Bucket-Region", s.region)
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>the reason</Message></Error>", code)
	}
	at, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	switch off := time.Since(at.Add(-s.skew)); {
	case r.URL.Path != "/store":
		refuse(404, "NoSuchBucket")
	case s.refuses != "":
		refuse(403, s.refuses)
	case !strings.Contains(r.Header.Get("Authorization"), "/"+s.region+"/s3/aws4_request"):
		refuse(400, "AuthorizationHeaderMalformed")
	case max(off, -off) > 15*time.Minute:
		refuse(403, "RequestTimeTooSkewed")
	case !s.signed(r):
		refuse(403, "SignatureDoesNotMatch")
	case r.URL.Query().Has("uploads"):
		fmt.Fprint(w, `<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>`)
		if s.uploads > 0 {
			fmt.Fprintf(w, "<Upload><Key>a</Key><Initiated>%s</Initiated></Upload>", time.Now().Add(-s.uploads).UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		fmt.Fprint(w, "</ListMultipartUploadsResult>")
	default:
		fmt.Fprint(w, `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><KeyCount>1</KeyCount></ListBucketResult>`)
	}
}

// signed computes the signature anew, as "Signature Version 4" describes it.
func (s *storage) signed(r *http.Request) bool {
	_, names, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	_, got, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	headers := ""
	for name := range strings.SplitSeq(names, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers += name + ":" + value + "\n"
	}
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers, names, r.Header.Get("X-Amz-Content-Sha256")}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	date := r.Header.Get("X-Amz-Date")
	scope := date[:8] + "/" + s.region + "/s3/aws4_request"
	key := []byte("AWS4" + s.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hex.EncodeToString(sum[:]))) == got
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func check(t *testing.T, address string, environ map[string]string) []finding.Finding {
	t.Helper()
	b, err := Parse(address, environ)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Agent: "mcpdiag-test"})
	if err != nil {
		t.Fatal(err)
	}
	list := Check(t.Context(), Config{Bucket: b, Client: c, Only: func(string) bool { return true }})
	if text := fmt.Sprint(b, list); strings.Contains(text, "topsecret") {
		t.Errorf("the secret is shown: %s", text)
	}
	return list
}

// A healthy bucket gives no finding, by both forms of its address; only listed requests
// are sent.
func TestHealthyBucket(t *testing.T) {
	t.Parallel()
	s := &storage{secret: "topsecret", region: "eu-west-1", uploads: time.Hour, mu: new(sync.Mutex)}
	server := httptest.NewServer(s)
	defer server.Close()
	environ := map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "topsecret", "AWS_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "token-word", "AWS_ENDPOINT_URL": server.URL}
	list := check(t, "s3://store", environ)
	depstest.Healthy(t, list)
	depstest.Wants(t, list, "s3.rights", finding.Pass, "can be listed")
	depstest.Wants(t, list, "s3.uploads", finding.Pass, "1 upload in parts")
	depstest.Healthy(t, check(t, strings.Replace(server.URL, "://", "://key:topsecret@", 1)+"/store?region=eu-west-1", nil))
	listed := map[string]bool{}
	for _, r := range []request{headBucket, listOne, listUploads} {
		listed[r.method+" "+r.query] = true
	}
	for _, seen := range s.seen {
		if !listed[seen] {
			t.Errorf("not in the list: %s", seen)
		}
	}
	if len(s.seen) != 16 {
		t.Errorf("%d requests: %v", len(s.seen), s.seen)
	}
}

// Planted faults are named: a clock that is off, a bucket that refuses, a wrong secret,
// region and name, uploads that were never completed.
func TestPlantedBucket(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		storage
		environ  map[string]string
		address  string
		id       string
		severity finding.Severity
		want     string
	}{
		"clock":        {storage: storage{skew: 5*time.Minute + 2*time.Second}, id: "s3.clock", severity: finding.Fail, want: "ahead of this machine"},
		"clock a bit":  {storage: storage{skew: -2 * time.Minute}, id: "s3.clock", severity: finding.Warn, want: "behind this machine"},
		"skewed":       {storage: storage{skew: time.Hour}, id: "s3.rights", severity: finding.Fail, want: "see s3.clock"},
		"denied":       {storage: storage{refuses: "AccessDenied"}, id: "s3.rights", severity: finding.Fail, want: "needs s3:ListBucket"},
		"denied too":   {storage: storage{refuses: "AccessDenied"}, id: "s3.uploads", severity: finding.Skip, want: "missing right: s3:ListBucketMultipartUploads"},
		"expired":      {storage: storage{refuses: "ExpiredToken"}, id: "s3.rights", severity: finding.Fail, want: "renew AWS_SESSION_TOKEN"},
		"wrong secret": {environ: map[string]string{"AWS_SECRET_ACCESS_KEY": "other"}, id: "s3.rights", severity: finding.Fail, want: "AWS_SECRET_ACCESS_KEY is wrong"},
		"wrong region": {environ: map[string]string{"AWS_REGION": "us-west-2"}, id: "s3.rights", severity: finding.Fail, want: "it is in the region eu-west-1, not us-west-2"},
		"no keys":      {environ: map[string]string{"AWS_ACCESS_KEY_ID": ""}, storage: storage{refuses: "Other"}, id: "s3.rights", severity: finding.Fail, want: "set AWS_ACCESS_KEY_ID"},
		"wrong name":   {address: "s3://other", id: "s3.rights", severity: finding.Fail, want: "NoSuchBucket (status 404): the reason"},
		"old uploads":  {storage: storage{uploads: 50 * time.Hour}, id: "s3.uploads", severity: finding.Warn, want: "1 upload begun more than a day ago"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.secret, tc.region = "topsecret", "eu-west-1"
			server := httptest.NewServer(&tc.storage)
			defer server.Close()
			environ := map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "topsecret", "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL_S3": server.URL}
			maps.Copy(environ, tc.environ)
			if tc.address == "" {
				tc.address = "s3://store"
			}
			depstest.Wants(t, check(t, tc.address, environ), tc.id, tc.severity, tc.want)
		})
	}
}

// A server that cannot be reached, hangs, fails or is none of S3 is named in time.
func TestOtherServers(t *testing.T) {
	t.Parallel()
	answer := func(text string) string {
		return clienttest.Speak(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte(text))
		})
	}
	silent := clienttest.Speak(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)); _, _ = conn.Read(make([]byte, 1)) })
	for name, tc := range map[string]struct{ address, id, want string }{
		"refused": {"http://127.0.0.1:1", "s3.connect", "connection refused"},
		"silent":  {silent, "s3.connect", "no answer in time"},
		"failing": {answer("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), "s3.connect", "status 503"},
		"a page":  {answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"), "s3.rights", "not that of S3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			list := check(t, tc.address+"/store", nil)
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("it took %s", took)
			}
			severity := finding.Fail
			if tc.id == "s3.rights" {
				severity = finding.Skip
			}
			depstest.Wants(t, list, tc.id, severity, tc.want)
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"s3://store": "https://store.s3.us-east-1.amazonaws.com/", "s3://a.b?region=eu-west-1": "https://s3.eu-west-1.amazonaws.com/a.b", "s3://store?endpoint=http://minio:9000": "http://minio:9000/store",
		"https://key:topsecret@h/store/": "https://h/store", "https://h": "", "https://h/a/b": "", "s3://": "", "ftp://h/a": "", "s3://a?endpoint=ftp://h": "", "s3://key:topsecret@h:port": "",
	} {
		b, err := Parse(address, nil)
		if err == nil && b.String() != want || err != nil && (want != "" || strings.Contains(err.Error(), "topsecret")) {
			t.Errorf("%s is %v, %v", address, b, err)
		}
	}
}
