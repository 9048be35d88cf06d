package launch

import (
	"path/filepath"
	"testing"
)

func TestBatchLine(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"-y":                `-y`,
		"@scope/server@1.2": `@scope/server@1.2`,
		`C:\Users\me`:       `C:\Users\me`,
		`C:\My Documents`:   `"C:\My Documents"`,
		`C:\My Documents\`:  `"C:\My Documents\\"`,
		"":                  `""`,
		`{"a":"b"}`:         `"{""a"":""b""}"`,
		`\"`:                `"\\"""`,
		"a&calc":            `"a&calc"`,
		"%PATH%":            `"%%cd:~,%PATH%%cd:~,%"`,
		"k=v":               `"k=v"`,
		"größe":             `größe`,
	} {
		got, err := batchLine(`C:\W\cmd.exe`, `C:\Program Files\nodejs\npx.cmd`, []string{"-y", arg})
		if want := `"C:\W\cmd.exe" /e:on /v:off /d /c ""C:\Program Files\nodejs\npx.cmd" -y ` + want + `"`; err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", arg, got, err, want)
		}
	}
	if line, err := batchLine("cmd.exe", "x.cmd", []string{"a\nb"}); err == nil {
		t.Errorf("a line break in an argument: %s", line)
	}
	for path, want := range map[string]bool{"npx.cmd": true, "X.BAT": true, "npx": false, "cmd.exe": false, filepath.Join("a.cmd", "b"): false} {
		if isBatch(path) != want {
			t.Errorf("isBatch(%s) = %v", path, !want)
		}
	}
}
