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
		"env|PGPASS=sesame|SSHPASS=sesame|x":     "env|PGPASS=REDACTED|SSHPASS=REDACTED|x",
		"--proxy-bypass=h|--multipass|x":         "--proxy-bypass=h|--multipass|x",
		"--login|u:sesame|--basic=u:sesame":      "--login|u:REDACTED|--basic=u:REDACTED",
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
		// Short flags of programs.
		"mysql|-uroot|-psesame|db":                         "mysql|-uroot|-pREDACTED|db",
		"/usr/bin/mysqldump|-p'sesame open'":               "/usr/bin/mysqldump|-pREDACTED",
		"env|A=1|mariadb|-u|root|-psesame":                 "env|A=1|mariadb|-u|root|-pREDACTED",
		"sshpass|-p|sesame|ssh|h":                          "sshpass|-p|REDACTED|ssh|h",
		"redis-cli|-a|sesame":                              "redis-cli|-a|REDACTED",
		`C:\mysql\mysql.exe|-psesame`:                      `C:\mysql\mysql.exe|-pREDACTED`,
		"docker|login|-u|me|-psesame|h":                    "docker|login|-u|me|-pREDACTED|h",
		"curl|-uadmin:sesame|http://h":                     "curl|-uadmin:REDACTED|http://h",
		"curl|--user=admin:sesame|--proxy-user=p:sesame":   "curl|--user=admin:REDACTED|--proxy-user=p:REDACTED",
		"curl|-u|12345:sesame|-u12345:sesame":              "curl|-u|12345:REDACTED|-u12345:REDACTED",
		"tool|--user=admin:sesame":                         "tool|--user=admin:REDACTED",
		"sh|-c|curl -u admin:sesame http://h":              "sh|-c|curl -u admin:REDACTED http://h",
		`sh|-c|mysql -uroot -psesame db; node -p 1`:        `sh|-c|mysql -uroot -pREDACTED db; node -p 1`,
		`bash|-c|cd a; mysql -p'sesame open' && node -p 1`: `bash|-c|cd a; mysql -pREDACTED && node -p 1`,
		// Names that are ordinary words in other texts.
		"TOKENS=sesame,open":                               "TOKENS=REDACTED",
		"GITHUB_TOKENS=sesame|--tokens|sesame":             "GITHUB_TOKENS=REDACTED|--tokens|REDACTED",
		"--session=sesame|SESSION=sesame":                  "--session=REDACTED|SESSION=REDACTED",
		"--session|sesame|--session-id=sesame":             "--session|REDACTED|--session-id=REDACTED",
		"--license=sesame|LICENSE=sesame":                  "--license=REDACTED|LICENSE=REDACTED",
		"--licence|sesame|VAULT_SECRET_ID=sesame":          "--licence|REDACTED|VAULT_SECRET_ID=REDACTED",
		"sh|-c|TOKENS=sesame node --session s1":            "sh|-c|TOKENS=REDACTED node --session REDACTED",
		"--pw|sesame|DB_PW=sesame":                         "--pw|REDACTED|DB_PW=REDACTED",
		"--authkey|sesame|LICENSEKEY=sesame|--sessions=a1": "--authkey|REDACTED|LICENSEKEY=REDACTED|--sessions=REDACTED",
		`--env|{"TOKENS":"sesame","session":"s1","n":1}`:   `--env|{"TOKENS":"REDACTED","session":"REDACTED","n":1}`,
		"--exec|mysql -uroot -psesame db":                  "--exec|mysql -uroot -pREDACTED db",
		// Flags of Windows.
		"tool.exe|/password|sesame":           "tool.exe|/password|REDACTED",
		"tool.exe|/password:sesame|/token=a":  "tool.exe|/password:REDACTED|/token=REDACTED",
		"cmd|/c|tool.exe /password sesame /q": "cmd|/c|tool.exe /password REDACTED /q",
		// No secrets.
		"docker|run|-p|80:80|-p8080:80|i":               "",
		"docker|run|--name|mongo|-p|27017:27017|mongo":  "",
		"docker|run|--name|mysql|-p127.0.0.1:33:3306|i": "",
		"docker|run|--user=1000:1000|-u|1000:1000|i":    "",
		"node|-p|1|mysql|-P3306|-uroot":                 "",
		"--tokens=4096|MAX_TOKENS=all|--stop-tokens|a":  "",
		"loadtest|--session|call|--session=5":           "",
		"--license|MIT|--license=Apache-2.0|LICENSE=no": "",
		"--sessions=5|--max-sessions|5|-e|tokens = 5":   "",
		"--license=/etc/app/license.lic":                "",
		"node|/srv/token/server.js|/etc/passwd":         "",
		"--no-auth|server.js|--enable-auth|x":           "",
		"npx|npm:left-pad@1.2.3|node:20@sha256:ab12":    "",
		"--token-limit=4096|--max-tokens=4096":          "",
		"--token-limit=4096|--key-file=x|--keys=id":     "",
		"git@github.com:o/r.git|user@host:22":           "",
		"--header|X-Trace: 1|-c|print(1)":               "",
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
