package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// A variable of Env replaces one of this process, also for programs that take the first of two.
func TestEnvironmentIsReplaced(t *testing.T) {
	t.Setenv(processtest.Env, "exit")
	var out strings.Builder
	child, err := Start(Command{Args: []string{os.Args[0], "new"}, Env: []string{processtest.Env + "=args"}, Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(t.Context()); err != nil || out.String() != "new\n" {
		t.Errorf("%q, %v: the role of the environment was played", out.String(), err)
	}
}

func TestProgramOfTheCurrentFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PATH", ".")
	if err := os.WriteFile("here.exe", nil, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(Command{Args: []string{"here.exe"}})
	if want := "name it ." + string(filepath.Separator) + "here.exe"; !errors.Is(err, exec.ErrDot) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want: … %s", err, want)
	}
}

// The arguments of a batch file reach the program that it calls, as npx.cmd calls node, whatever they contain.
func TestBatchFile(t *testing.T) {
	if runtime.GOOS != "windows" {
		t.Skip("batch files are of Windows")
	}
	folder := filepath.Join(t.TempDir(), "with a space")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	script := "@echo off\r\n\"" + os.Args[0] + "\" %*\r\n"
	processtest.WriteProgram(t, filepath.Join(folder, "server.cmd"), []byte(script))
	t.Setenv("PATH", folder+";"+os.Getenv("PATH"))
	// Quotes are left out: programs in Go read "" in a way that was usual before 2008, others, such as node, do not.
	args := []string{"-y", `C:\My Documents`, `C:\My Documents\`, "", "a&b|c>d", "%PATH%", "100%", "!x!", "^", "größe"}
	for _, program := range []string{"server", "server.cmd", filepath.Join(folder, "server.cmd"), filepath.ToSlash(filepath.Join(folder, "server"))} {
		var out strings.Builder
		child, err := Start(Command{Args: append([]string{program}, args...), Env: []string{processtest.Env + "=args"}, Stdout: &out})
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		if err, want := child.Wait(t.Context()), strings.Join(args, "\n")+"\n"; err != nil || out.String() != want {
			t.Errorf("%s: %v, arguments\n%s\nwant\n%s", program, err, out.String(), want)
		}
	}
}

// A command starts in its folder, also where its own name is relative to it.
func TestFolderOfTheCommand(t *testing.T) {
	t.Setenv(processtest.Env, "folder")
	dir := t.TempDir()
	name := "." + string(filepath.Separator) + filepath.Base(os.Args[0])
	for _, program := range []string{os.Args[0], name} {
		if program == name {
			copyFile(t, filepath.Join(dir, name), os.Args[0])
		}
		var out strings.Builder
		child, err := Start(Command{Args: []string{program}, Dir: dir, Stdout: &out})
		if err != nil {
			t.Fatal(err)
		}
		err = child.Wait(t.Context())
		here, there := infoOf(t, dir), infoOf(t, strings.TrimSpace(out.String()))
		if err != nil || !os.SameFile(here, there) {
			t.Errorf("%s: in %q, %v, want %q", program, out.String(), err, dir)
		}
	}
	if _, err := Start(Command{Args: []string{os.Args[0]}, Dir: filepath.Join(dir, "absent")}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a folder that does not exist: %v", err)
	}
}

func infoOf(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	processtest.WriteProgram(t, to, data)
}
