package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hostileHeap returns a snapshot in which name is a class, a variable and a property
// that lead to n objects, and the content of a string.
func hostileHeap(name string, n int) string {
	nodes := []string{"0,0,1,0,1", "1,1,3,40,1", "1,1,5,40,1", fmt.Sprintf("1,1,7,40,%d", n)}
	edges := []string{"1,1,5", "0,1,10", "2,1,15"}
	for i := range n {
		nodes = append(nodes, fmt.Sprintf("%d,1,%d,24,0", 1+i%3, 9+2*i))
		edges = append(edges, fmt.Sprintf("2,1,%d", 5*(4+i)))
	}
	return `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["synthetic","object","closure","native"]],` +
		`"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property"]]}},"nodes":[` + strings.Join(nodes, ",") +
		`],"edges":[` + strings.Join(edges, ",") + `],"strings":["","` + name + `"]}`
}

// Names of classes, functions and properties come out of every format of heap
// without their power, and so do those of a profile.
func TestHostileNamesInHeaps(t *testing.T) {
	t.Parallel()
	for title, name := range namesToTry() {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			profile := `{"head":{"callFrame":{"functionName":"(root)"},"selfSize":0,"children":[{"callFrame":{"functionName":"` + name +
				`","url":"` + name + `","lineNumber":1},"selfSize":%d,"children":[]}]},"samples":[{}` + strings.Repeat(",{}", 400) + `]}`
			files := map[string]string{"a": hostileHeap(name, 0), "b": hostileHeap(name, 60), "c": fmt.Sprintf(profile, 1), "d": fmt.Sprintf(profile, 1<<30)}
			for file, text := range files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, format := range []string{"text", "json", "markdown", "junit", "github"} {
				for _, pair := range [][]string{{"a", "b"}, {"c", "d"}} {
					o := invoke(t, "heap", filepath.Join(dir, pair[0]), filepath.Join(dir, pair[1]), "--ops", "60", "--format", format)
					if o.code != exitFinding || len(o.out) > 200_000 {
						t.Fatalf("exit code %d, %d bytes: %.500s", o.code, len(o.out), o.err)
					}
					if format != "github" {
						plain(t, o.out+o.err)
					}
					o.harmless(t)
				}
			}
		})
	}
}
