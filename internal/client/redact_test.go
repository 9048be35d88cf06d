package client

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const sentinel = "SENTINEL"

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"http://h/x":                           "http://h/x",
		"http://u:SENTINEL@h/x":                "http://REDACTED@h/x",
		"http://SENTINEL@h/x":                  "http://REDACTED@h/x",
		"u:SENTINEL@h:3100":                    "REDACTED@h:3100",
		"u:SENTINEL@h b:3100":                  "REDACTED@h b:3100",
		"http://u:SENTINEL@h:port/":            "REDACTED@h:port/",
		"h:3100/x?a=1&token=SENTINEL":          "h:3100/x?a=1&token=REDACTED",
		"http://h?TOKEN=SENTINEL;key=SENTINEL": "http://h?TOKEN=REDACTED;key=REDACTED",
		"http://h?%74oken=SENTINEL":            "http://h?%74oken=REDACTED",
		"http://h?%zz=SENTINEL":                "http://h?%zz=REDACTED",
		"http://h?access_token=SENTINEL&b":     "http://h?access_token=REDACTED&b",
		"http://h:port/?token=SENTINEL":        "http://h:port/",
		"ftp://h?code=SENTINEL#x":              "ftp://h?code=REDACTED#x",
		"localhost:3100":                       "localhost:3100",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestSecrets(t *testing.T) {
	h := http.Header{
		"Authorization": {"Bearer SENTINEL-1"}, "X-Api-Key": {"SENTINEL-2"}, "Cookie": {"a=SENTINEL-3"}, "Mcp-Session-Id": {"SENTINEL-4"},
		"Accept": {"application/json"}, "Proxy-Authorization": {"Basic SENTINEL-5"},
		"X-Auth-Token": {"SENTINEL-8"}, "Cf-Access-Client-Secret": {"SENTINEL-9"}, "X-Auth-Type": {"harmless"},
	}
	u := parse(t, "https://user:SENT%2FINEL@h/x?a=harmless&token=SENTINEL%3D7")
	s := SecretsOf(h, append(SecretsIn(u), "SENTINEL-6", "abc")...)
	text := s.Redact("Bearer SENTINEL-1|SENTINEL-1|SENTINEL-2|a=SENTINEL-3|SENTINEL-3|SENTINEL-4|SENTINEL-5|SENTINEL-8|SENTINEL-9|SENTINEL-6|" +
		"SENT/INEL|SENT%2FINEL|SENTINEL=7|SENTINEL%3D7|dXNlcjpTRU5UL0lORUw=|abc|application/json|harmless")
	if strings.Contains(text, "SENT") || strings.Contains(text, "dXNlcjpT") {
		t.Errorf("still there: %s", text)
	}
	if !strings.HasSuffix(text, "|abc|application/json|harmless") {
		t.Errorf("too much is gone: %s", text)
	}
}

// TestRedactProxy checks that the password of a proxy is blanked, also if it is not escaped.
func TestRedactProxy(t *testing.T) {
	for in, want := range map[string]string{
		"http://u:SENTINEL@h:3128": "http://REDACTED@h:3128", "http://h:3128": "http://h:3128",
		"http://http://u:SENT#INEL@h:3128": "REDACTED@h:3128", "http://http://u:SENTINEL @h": "REDACTED@h", "http://http://u:SENT/INEL@h:x": "REDACTED@h:x",
	} {
		if got := RedactProxy(parse(t, in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestSecretParts checks that the parts of a credential are blanked where a server quotes
// them alone.
func TestSecretParts(t *testing.T) {
	for header, text := range map[string]string{
		"Basic dXNlcjpTRU5USU5FTA==": "SENTINEL is wrong", "theme=dark; sid=SENTINEL": "SENTINEL is unknown", "Bearer SENTINEL": "SENTINEL has expired",
	} {
		name := "Authorization"
		if strings.Contains(header, ";") {
			name = "Cookie"
		}
		if got := SecretsOf(http.Header{name: {header}}).Redact(text + " in the dark"); strings.Contains(got, "SENT") || !strings.HasSuffix(got, "in the dark") {
			t.Errorf("%s: %s", header, got)
		}
	}
}

// TestSecretsInOtherForms checks that a secret is blanked as JSON, Go and URLs quote it, too.
func TestSecretsInOtherForms(t *testing.T) {
	s := SecretsOf(http.Header{"Cookie": {`a="SENT&<INEL>\x"`}})
	got := s.Redact(`{"a":"a=\"SENT\u0026\u003cINEL\u003e\\x\"", "b": "a=\"SENT&<INEL>\\x\""} a="SENT&<INEL>\x" a%3D%22SENT%26%3CINEL%3E%5Cx%22`)
	want := `{"a":"REDACTED", "b": "REDACTED"} REDACTED REDACTED`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestSnippetIsRedactedBeforeItIsCut checks that an error page that repeats the
// request is not cut within a secret, the rest of which would not be recognized.
func TestSnippetIsRedactedBeforeItIsCut(t *testing.T) {
	for n := range maxSnippet + 1 {
		resp := &http.Response{StatusCode: 500, Status: "500 X", Request: httptest.NewRequest(http.MethodGet, "/?token="+sentinel+"q", nil)}
		resp.Request.Header.Set("Authorization", "Bearer "+sentinel+"h")
		for _, s := range []string{sentinel + "h", sentinel + "q"} {
			if err := NewStatusError(resp, []byte(strings.Repeat("x", n)+s)); strings.Contains(err.Error(), "SEN") {
				t.Fatalf("after %d bytes: %v", n, err)
			}
		}
	}
}

// TestAnswersAreRedacted checks that secrets are blanked however an answer is split.
func TestAnswersAreRedacted(t *testing.T) {
	secrets := SecretsOf(nil, "SENTINEL-SENTINEM", "SENTINEL-x", "short").InBodies()
	in := "SENTI SENTINEL-SENTINEM SENTINEL-SENTINEL-x short SENTINEL-SENTINE"
	want := "SENTI REDACTED SENTINEL-REDACTED short SENTINEL-SENTINE"
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in)), "with its end": iotest.DataErrReader(strings.NewReader(in)),
	} {
		got, err := io.ReadAll(iotest.OneByteReader(redact(io.NopCloser(r), secrets)))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	broken := io.MultiReader(strings.NewReader("SENTINEL"), iotest.ErrReader(iotest.ErrTimeout))
	if got, err := io.ReadAll(redact(io.NopCloser(broken), secrets)); string(got) != "SENTINEL" || !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("%q, %v", got, err)
	}
}
