package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedactArgs(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"env DB_PASSWORD=sesame PORT=1 node server.js":            "env DB_PASSWORD=REDACTED PORT=1 node server.js",
		"node s.js --api-token=sesame --port 1":                   "node s.js --api-token=REDACTED --port 1",
		"node s.js --api-token sesame --port 1":                   "node s.js --api-token REDACTED --port 1",
		"node s.js --secret --port 1":                             "node s.js --secret --port 1",
		"node --token-file t --max-tokens 100 --key k.pem":        "node --token-file t --max-tokens 100 --key k.pem",
		"sh -c|export OPENAI_API_KEY='sesame open'; node --pat x": "sh -c|export OPENAI_API_KEY='REDACTED'; node --pat REDACTED",
		"-H|Authorization: Bearer sesame":                         "-H|Authorization: REDACTED",
		"-H|X-API-Key: sesame":                                    "-H|X-API-Key: REDACTED",
		"-H|X-API-Key: @file":                                     "-H|X-API-Key: @file",
		`--args|{"apiKey": "sesame", "q": "x"}`:                   `--args|{"apiKey": "REDACTED", "q": "x"}`,
		"DATABASE_URL=postgres://u:sesame@h/db node":              "DATABASE_URL=postgres://REDACTED@h/db node",
		"docker run --env=DB_PASSWORD=sesame i":                   "docker run --env=DB_PASSWORD=REDACTED i",
		"http://h/message?sessionId=sesame&session_id=s":          "http://h/message?sessionId=REDACTED&session_id=REDACTED",
		"env PGPASSWORD=sesame MYSQL_PWD=123456 node":             "env PGPASSWORD=REDACTED MYSQL_PWD=REDACTED node",
		"node --accesstoken sesame --password2=99 --code=404":     "node --accesstoken REDACTED --password2=REDACTED --code=404",
		"curl -u admin:sesame --user root:12 http://h":            "curl -u admin:REDACTED --user root:REDACTED http://h",
		"docker run -u 1000:1000 --user 0 i":                      "docker run -u 1000:1000 --user 0 i",
		"https://b.test/x?sv=1&sig=sesame&state=s&nonce=n":        "https://b.test/x?sv=1&sig=REDACTED&state=REDACTED&nonce=REDACTED",
		"node --dsn Server=db;Password=sesame;User=sa":            "node --dsn Server=db;Password=REDACTED;User=sa",
		"-H|Cookie: a=sesame; b=c":                                "-H|Cookie: REDACTED",
		"http://h/mcp?token=sesame&x=1":                           "http://h/mcp?token=REDACTED&x=1",
		"run ghp_0123456789abcdefghijklmnopqrstuvwxyz":            "run REDACTED",
		"mcpdiag leaktest --users 4 -- npx -y server /tmp":        "mcpdiag leaktest --users 4 -- npx -y server /tmp",
	} {
		sep := " "
		if strings.Contains(args, "|") {
			sep = "|"
		}
		if diff := cmp.Diff(want, strings.Join(RedactArgs(strings.Split(args, sep)), sep)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSecretName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"DB_PASSWORD": true, "--api-token": true, "X-Api-Key": true, "clientSecret": true, "access_token": true, "code": true, "passwd": true, "PGPASSWORD": true, "authtoken": true, "password2": true, "refreshToken1": true,
		"--token-file": false, "max-tokens": false, "keyboard": false, "PATH": false, "author": false, "": false, "compass": false, "AUTH_URL": false,
	} {
		if got := SecretName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// TestErrorCodes keeps the names and numbers of errors, and blanks codes of OAuth.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"code":-32001,"message":"x"}`:              "",
		`{"code":"-32001"}`:                          "",
		`{"code": "INVALID_PARAMS", "message": "x"}`: "",
		`{"code":"MethodNotFound"}`:                  "",
		`{"code":"Invalid params"}`:                  "",
		`  code: 'ERR_MODULE_NOT_FOUND',`:            "",
		`code: ECONNREFUSED`:                         "",
		`Main process exited, code=killed, status=9`: "",
		`{"code":"SplxlOBeZQQYbYS6WxSbIA"}`:          `{"code":"REDACTED"}`,
		`?code=SplxlOBeZQ&state=1`:                   `?code=REDACTED&state=1`,
		`{"code":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}`:      `{"code":"REDACTED"}`,
		`API_KEY=ECONNREFUSED`:                       `API_KEY=REDACTED`,
	} {
		if want == "" {
			want = text
		}
		if got := RedactText(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// TestNamesOfVariables keeps the name of the variable or key that an error misses, which is
// the cause, and blanks values.
func TestNamesOfVariables(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`KeyError: 'API_KEY'`:             "",
		`KeyError: 'api_key'`:             "",
		`KeyError: "DB_PASSWORD_2"`:       "",
		`{"error":"KeyError: 'API_KEY'"}`: "",
		`raise KeyError: 'TOKEN'`:         "",
		`PasswordError: DB_PASSWORD`:      "",
		`KeyError: 'sesame'`:              `KeyError: 'REDACTED'`,
		`KeyError: 'Sentinel01'`:          `KeyError: 'REDACTED'`,
		`KeyError: 'API_KEY=sesame'`:      `KeyError: 'REDACTED'`,
		`KeyError: 'open_sesame'`:         `KeyError: 'REDACTED'`,
		`InvalidTokenError: AB12CD34`:     `InvalidTokenError: REDACTED`,
		`API_KEY: 'API_KEY'`:              `API_KEY: 'REDACTED'`,
		`key: SESAME`:                     `key: REDACTED`,
	} {
		if want == "" {
			want = text
		}
		if got := RedactText(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// FuzzRedactText redacts any text; a password after a secret name never stays.
func FuzzRedactText(f *testing.F) {
	f.Add("env", "x")
	f.Add("://", "\"'&;")
	f.Fuzz(func(t *testing.T, before, after string) {
		RedactText(before + after)
		if out := RedactText(before + "\nDB_PASSWORD=Sentinel01 " + after); strings.Contains(out, "Sentinel01") {
			t.Errorf("%q", out)
		}
	})
}

// Objects in objects, some of which were redacted before, are redacted in one pass.
func TestRedactNested(t *testing.T) {
	t.Parallel()
	const levels = 1 << 17
	if got := RedactText(strings.Repeat(`"token":{`, levels) + redacted + strings.Repeat("}", levels)); got != `"token":REDACTED` {
		t.Errorf("%.100q", got)
	}
}
