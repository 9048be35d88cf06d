package process

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
)

// remote are programs that speak for a server in a container or on another machine, which is not
// among their descendants.
var remote = []string{"docker", "com.docker.cli", "podman", "nerdctl", "kubectl", "oc", "ssh"}

// launcher is the memory that a process of a tree may have beside one of remote, as a shell has.
const launcher = 8 << 20

// Elsewhere returns the program of the tree that speaks for a server elsewhere, "" if the server may
// be among the processes that the last Read found.
func (t *Tree) Elsewhere() (program string) {
	for _, p := range t.members {
		info, err := describe(p.id.PID)
		if err != nil {
			continue // it has ended
		}
		name := strings.TrimSuffix(filepath.Base(cmp.Or(info.Exe, info.Name)), ".exe")
		if slices.Contains(remote, name) {
			program = name
		} else if p.last.RSS > launcher {
			return ""
		}
	}
	return program
}

// ElsewhereText says why the memory of a server is not known if a program speaks for it.
func ElsewhereText(program string) string {
	return program + " speaks for a server in a container or on another machine, whose memory is not among that of its own processes"
}
