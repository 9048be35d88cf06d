package heaptest

import (
	"fmt"
	"strings"
)

const snapshotHead = `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["synthetic","object","array","string"],"string","number","number","number"],` +
	`"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property","internal","hidden","weak"],"string_or_number","node"]},"node_count":%d,"edge_count":%d},` + "\n"

// snapshot writes a heap snapshot from lists of numbers and strings.
func snapshot(nodes, edges, texts string) string {
	return fmt.Sprintf(snapshotHead, (1+strings.Count(nodes, ","))/5, (1+strings.Count(edges, ","))/3) +
		`"nodes":[` + nodes + "],\n" + `"edges":[` + edges + "],\n" + `"strings":[` + texts + "]}\n"
}

// join writes n parts.
func join(n int, part func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = part(i)
	}
	return strings.Join(parts, ",")
}

// The lists of a snapshot of a root, a Store and an Entry.
const nodes, edges, texts = "0,0,1,0,1,1,1,3,40,1,1,2,5,400,0", "2,3,5,2,4,10", `"","Store","Entry","store","entries"`

func snapshots() []Case {
	good := snapshot(nodes, edges, texts)
	change := func(old, text string) string { return strings.Replace(good, old, text, 1) }
	return cases([]row{
		{"good.heapsnapshot", good, "Store.entries (Entry)", byHeap},
		{"cut.heapsnapshot", good[:len(good)-40], "!was it written completely?", byHeap},
		{"more-nodes.heapsnapshot", change(`"node_count":3`, `"node_count":1000000000`), "3 objects", byHeap},
		{"fewer-nodes.heapsnapshot", change(`"node_count":3`, `"node_count":1`), "3 objects", byHeap},
		{"more-edges.heapsnapshot", change(`"edge_count":2`, `"edge_count":99999999999`), "3 objects", byHeap},
		{"no-fields.heapsnapshot", change(`"type","name","id","self_size","edge_count"`, ``), "!its meta data has no field", byHeap},
		{"no-meta.heapsnapshot", `{"snapshot":{"title":"node_fields"},"nodes":[],"edges":[],"strings":[]}`, "!its meta data has no field", byHeap},
		{"edge-outside.heapsnapshot", change("2,4,10", "2,4,5000"), "!edge 1 points to node 1000, of 3", byHeap},
		{"edge-within.heapsnapshot", change("2,4,10", "2,4,7"), "!edge 1 points to 7, where no node begins", byHeap},
		{"string-outside.heapsnapshot", change("1,2,5,400,0", "1,99,5,400,0"), "!string 99 is a name, but there are only 5 strings", byHeap},
		{"name-outside.heapsnapshot", change("2,4,10", "2,99,10"), "!string 99 is a name", byHeap},
		{"no-root.heapsnapshot", snapshot(strings.Replace(nodes, "0,0,1,0,1,", "0,0,1,0,0,", 1), "2,4,10", texts), "!its first node, the root that holds all others, has no edges", byHeap},
		{"no-nodes.heapsnapshot", snapshot("", "", texts), "!it has no nodes or no strings", byHeap},
		{"no-strings.heapsnapshot", snapshot(nodes, edges, ""), "!it has no nodes or no strings", byHeap},
		{"strings-first.heapsnapshot", strings.Replace(fmt.Sprintf(snapshotHead, 3, 2), "\n", `"strings":[`+texts+`],"nodes":[`+nodes+`],"edges":[`+edges+`]}`, 1), "!its strings stand before its nodes", byHeap},
		{"twice.heapsnapshot", change(`"strings":`, `"nodes":[`+nodes+`],"edges":[`+edges+`],"strings":`), "!it has the member nodes twice", byHeap},
		{"strings-twice.heapsnapshot", change(`"strings":`, `"strings":["a","b","c","d","e"],"strings":`), "!it has the member strings twice", byHeap},
		{"same-ids.heapsnapshot", change("1,2,5,400,0", "1,2,3,400,0"), "3 objects", byHeap},
		{"numbers-for-strings.heapsnapshot", change(`"Store"`, `7`), "!byte 437: '7' where a string is expected", byHeap},
		{"localized.heapsnapshot", change("400", "4.00"), "!byte 392: '.' where a whole number", byHeap},
	})
}

func largeSnapshots() []Case {
	good := snapshot(nodes, edges, texts)
	change := func(old, text string) string { return strings.Replace(good, old, text, 1) }
	// chain is n objects, each the next of the one before.
	chain := func(n int, kind string) string {
		return snapshot(join(n, func(i int) string { return fmt.Sprintf("%s,1,%d,8,%d", kind, 2*i+1, min(1, n-1-i)) }),
			join(n-1, func(i int) string { return fmt.Sprintf("2,3,%d", 5*(i+1)) }), texts)
	}
	return cases([]row{
		{"chain.heapsnapshot", chain(300_000, "1"), "300,000 objects", byHeap},
		{"chain-of-arrays.heapsnapshot", chain(300_000, "2"), "300,000 objects", byHeap},
		{"string-2-28.heapsnapshot", change("1,2,5,400,0", "1,268435455,5,400,0"), "!string 268435455 is a name", byHeap},
		{"nested.heapsnapshot", change(`"strings":`, `"trace_tree":`+strings.Repeat("[", 2_000_000)+strings.Repeat("]", 2_000_000)+`,"strings":`), "3 objects", byHeap},
		{"bomb.heapsnapshot.gz", string(bomb([]byte(good[:len(good)-3]), ' ', 2000)), "!unpack to more than 100 times", byHeap},
		{"names.heapsnapshot", snapshot(join(300_000, func(i int) string { return fmt.Sprintf("1,%d,%d,8,0", i, 2*i+1) }), "", join(300_000, func(i int) string { return fmt.Sprintf(`"C%d"`, i) })), "!has no edges", byHeap},
	})
}

// Star returns two snapshots of n objects that one holds; in the second each of them holds a
// new object, too.
func Star(n int) (before, after []byte) {
	held := func(each int) string {
		return fmt.Sprintf("0,0,1,0,1,1,1,3,8,%d,", n) + join(n, func(i int) string { return fmt.Sprintf("1,2,%d,8,%d", 2*i+5, each) })
	}
	edges := "2,3,5," + join(n, func(i int) string { return fmt.Sprintf("2,4,%d", 5*(i+2)) })
	added := join(n, func(i int) string { return fmt.Sprintf("1,1,%d,16,0", 2*(n+i)+5) })
	more := join(n, func(i int) string { return fmt.Sprintf("2,3,%d", 5*(n+i+2)) })
	return []byte(snapshot(held(0), edges, texts)), []byte(snapshot(held(1)+","+added, edges+","+more, texts))
}

// Chains returns two snapshots of n objects of a kind, 1 for objects and 2 for arrays, each
// of which holds the next one; in the second each of them holds a new object, too.
func Chains(n int, kind string) (before, after []byte) {
	edge := func(i int) string { return fmt.Sprintf("2,3,%d", 5*(i+1)) }
	next := func(i int) int { return min(1, n-1-i) }
	a := snapshot(join(n, func(i int) string { return fmt.Sprintf("%s,1,%d,8,%d", kind, 2*i+1, next(i)) }), join(n-1, edge), texts)
	old := join(n, func(i int) string { return fmt.Sprintf("%s,1,%d,8,%d", kind, 2*i+1, 1+next(i)) })
	added := join(n, func(i int) string { return fmt.Sprintf("1,2,%d,16,0", 2*(n+i)+1) })
	edges := join(n, func(i int) string {
		entry := fmt.Sprintf("2,4,%d", 5*(n+i))
		if next(i) == 1 {
			return edge(i) + "," + entry
		}
		return entry
	})
	return []byte(a), []byte(snapshot(old+","+added, edges, texts))
}
