package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRedactArgsForms blanks secrets whatever they contain and however they are
// quoted, and keeps what only looks like one.
func TestRedactArgsForms(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		// An argument is the value as a whole.
		"env|DB_PASSWORD=a,b;c&d e":              "env|DB_PASSWORD=REDACTED",
		"env|DB_PASSWORD=-sesame":                "env|DB_PASSWORD=REDACTED",
		"--password|-sesame":                     "--password|REDACTED",
		"--password=//sesame":                    "--password=REDACTED",
		"--password=@sesame":                     "--password=REDACTED",
		"--password|sesame.key":                  "--password|REDACTED",
		"--api-keys=sesame,open":                 "--api-keys=REDACTED",
		"-e|API_KEY=123456":                      "-e|API_KEY=REDACTED",
		"--api-key=123456":                       "--api-key=REDACTED",
		"--env=DB_PASSWORD=a,b":                  "--env=DB_PASSWORD=REDACTED",
		"-H|X-Auth: sesame open":                 "-H|X-Auth: REDACTED",
		"--header=Authorization: Token a b":      "--header=Authorization: REDACTED",
		"TOKEN+=sesame":                          "TOKEN+=REDACTED",
		"TOKEN=sesame\nopen":                     "TOKEN=REDACTED",
		"--dbpass=sesame|--otp=123456|--pin=123": "--dbpass=REDACTED|--otp=REDACTED|--pin=REDACTED",
		// Words of shells.
		`sh|-c|PASSWORD="a\"b" node s.js`:            `sh|-c|PASSWORD=REDACTED node s.js`,
		`sh|-c|PASSWORD=a'b c' node s.js`:            `sh|-c|PASSWORD=REDACTED node s.js`,
		`bash|-lc|PASSWORD=a\ b node s.js`:           `bash|-lc|PASSWORD=REDACTED node s.js`,
		`sh|-c|node s.js --token "a b" --port 3`:     `sh|-c|node s.js --token REDACTED --port 3`,
		`cmd|/c|set TOKEN=a,b&& node s.js`:           `cmd|/c|set TOKEN=REDACTED&& node s.js`,
		`powershell|-Command|$env:TOKEN='a b'; node`: `powershell|-Command|$env:TOKEN=REDACTED; node`,
		// Members of JSON.
		`--config|{"auth":{"type":"x","value":"a"},"n":1}`: `--config|{"auth":REDACTED,"n":1}`,
		`--config|{"apiKey":["a","}"],"n":1}`:              `--config|{"apiKey":REDACTED,"n":1}`,
		`--config|{"apiKey":"a\"b","n":1}`:                 `--config|{"apiKey":"REDACTED","n":1}`,
		`--config|{"apiKey":"cut off`:                      `--config|{"apiKey":"REDACTED"`,
		// Addresses without a scheme.
		"--redis|:sesame@host:6379":                 "--redis|:REDACTED@host:6379",
		"--db|u:sesame@host/db":                     "--db|u:REDACTED@host/db",
		"--db=u:sesame@tcp(127.0.0.1:3306)/db":      "--db=u:REDACTED@tcp(127.0.0.1:3306)/db",
		"https://hooks.slack.com/services/T/B/x":    "https://REDACTED",
		"hf_abcdefghijklmnopqrstuvwxyz123456":       "REDACTED",
		"npm_abcdefghijklmnopqrstuvwxyz1234567890":  "REDACTED",
		"SG.abcdefghijklmnopqrst.abcdefghijklmnopq": "REDACTED",
		"ASIAABCDEFGHIJKLMNOP|xapp-1-A01-1234567":   "REDACTED|REDACTED",
		// No secrets.
		"--no-auth|server.js|--enable-auth|x":        "",
		"npx|npm:left-pad@1.2.3|node:20@sha256:ab12": "",
		"--token-limit=4096|--max-tokens=4096":       "",
		"--token-limit=4096|--key-file=x|--keys=id":  "",
		"git@github.com:o/r.git|user@host:22":        "",
		"--header|X-Trace: 1|-c|print(1)":            "",
	} {
		if want == "" {
			want = args
		}
		if diff := cmp.Diff(want, strings.Join(RedactArgs(strings.Split(args, "|")), "|")); diff != "" {
			t.Errorf("%s: %s", args, diff)
		}
	}
}

// FuzzRedactArgs redacts any arguments: the value of a secret name never stays,
// whatever is in it.
func FuzzRedactArgs(f *testing.F) {
	f.Add("a,b", "c;d")
	f.Add(`"`, `\`)
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, arg := range []string{"DB_PASSWORD=", "--password=", "--env=DB_PASSWORD="} {
			if out := RedactArgs([]string{arg + before + "Sentinel01" + after})[0]; strings.Contains(out, "Sentinel01") {
				t.Errorf("%s%q: %q", arg, before, out)
			}
		}
	})
}
