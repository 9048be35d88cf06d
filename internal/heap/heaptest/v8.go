package heaptest

import (
	"fmt"
	"strings"
)

// heapFrame is a node of a .heapprofile.
func heapFrame(name string, size any, children ...string) string {
	return fmt.Sprintf(`{"callFrame":{"functionName":%q,"scriptId":"1","url":"file:///srv/app.js","lineNumber":4,"columnNumber":1},"selfSize":%v,"id":1,"children":[%s]}`, name, size, strings.Join(children, ","))
}

func heapProfile(children ...string) string {
	return `{"head":{"callFrame":{"functionName":"(root)","url":""},"selfSize":0,"id":1,"children":[` + strings.Join(children, ",") + `]},"samples":[{"size":8,"nodeId":2,"ordinal":1}]}`
}

// cpuFrame is a node of a .cpuprofile; children are numbers.
func cpuFrame(id int, name, children string) string {
	return fmt.Sprintf(`{"id":%d,"callFrame":{"functionName":%q,"url":"file:///srv/app.js","lineNumber":4},"hitCount":0,"children":[%s]}`, id, name, children)
}

func cpuProfile(samples, deltas string, nodes ...string) string {
	return `{"nodes":[` + strings.Join(nodes, ",") + `],"startTime":0,"endTime":9000,"samples":[` + samples + `],"timeDeltas":[` + deltas + `]}`
}

func deepHeap(n int) string {
	begin := `{"callFrame":{"functionName":"f","url":"a.js"},"selfSize":8,"children":[`
	return `{"head":` + strings.Repeat(begin, n) + strings.Repeat("]}", n) + `,"samples":[]}`
}

func deepCPU(n int) string {
	nodes := make([]string, n)
	nodes[0] = cpuFrame(1, "f", "2")
	for i := range n - 1 {
		nodes[i+1] = fmt.Sprintf(`{"id":%d,"children":[%d]}`, i+2, i+3)
	}
	nodes[n-1] = cpuFrame(n, "f", "")
	return cpuProfile(fmt.Sprint(n), "1000", nodes...)
}

// wideCPU has a sample of each of n frames below each other.
func wideCPU(n int) string {
	nodes, samples, deltas := make([]string, n), make([]string, n), make([]string, n)
	for i := range nodes {
		nodes[i], samples[i], deltas[i] = cpuFrame(i+1, fmt.Sprint("f", i%7), fmt.Sprint(i+2)), fmt.Sprint(i+1), "1"
	}
	nodes[n-1] = cpuFrame(n, "f", "")
	return cpuProfile(strings.Join(samples, ","), strings.Join(deltas, ","), nodes...)
}

func v8Profiles() []Case {
	root := func(children string) string { return cpuFrame(1, "(root)", children) }
	return cases([]row{
		{"good.heapprofile", heapProfile(heapFrame("a", 10, heapFrame("b", 20))), "b /srv/app.js:5", "a 10\na;b 20\n"},
		{"cut.heapprofile", heapProfile(heapFrame("a", 10))[:150], "!the file is cut off: its JSON ends early, after 150 bytes", ""},
		{"no-children.heapprofile", `{"head":{"callFrame":{"functionName":"(root)"},"selfSize":5}}`, "(root)", "(root) 5\n"},
		{"null.heapprofile", `{"head":{"callFrame":null,"selfSize":5,"children":null},"samples":null}`, "(root)", "(root) 5\n"},
		{"null-head.heapprofile", `{"head":null,"samples":[{"selfSize":1}]}`, "!its head is null", ""},
		{"list-head.heapprofile", `{"head":[1],"selfSize":1,"samples":[]}`, "!head at byte 9: an array where another type is expected", ""},
		{"negative.heapprofile", heapProfile(heapFrame("a", -10)), "!has a negative selfSize", ""},
		{"infinite.heapprofile", heapProfile(heapFrame("a", "1e308"), heapFrame("b", "1e308")), "!add up to more than 2^62", ""},
		{"too-large.heapprofile", heapProfile(heapFrame("a", "1e999")), "!head.children.selfSize at byte 212: a number 1e999", ""},
		{"text-size.heapprofile", heapProfile(heapFrame("a", `"1,024"`)), "!head.children.selfSize at byte 214: a string where", ""},
		{"fraction.heapprofile", heapProfile(heapFrame("a", "10.5")), "a /srv/app.js:5", "a 10.5\n"},
		{"same-ids.heapprofile", heapProfile(heapFrame("a", 10), heapFrame("a", 20)), "a /srv/app.js:5", "a 30\n"},
		{"good.cpuprofile", cpuProfile("3", "1000", root("2"), cpuFrame(2, "a", "3"), cpuFrame(3, "b", "")), "!profile of time", "a;b 8\n"},
		{"cut.cpuprofile", cpuProfile("3", "1000", root("2"), cpuFrame(2, "a", "3"))[:200], "!profile of time", "!the file is cut off: its JSON ends early, after 200 bytes"},
		{"cycle.cpuprofile", cpuProfile("3", "1000", root("2"), cpuFrame(2, "a", "3"), cpuFrame(3, "b", "2")), "!profile of time", "!node 2 is a child of two nodes, 1 and 3"},
		{"own-child.cpuprofile", cpuProfile("2", "1000", root("2"), cpuFrame(2, "a", "2")), "!profile of time", "!node 2 is a child of two nodes, 1 and 2"},
		{"root-cycle.cpuprofile", cpuProfile("2", "1000", root("2"), cpuFrame(2, "a", "1")), "!profile of time", "!node 1 is among its own children"},
		{"two-parents.cpuprofile", cpuProfile("4", "1000", root("2,3"), cpuFrame(2, "a", "4"), cpuFrame(3, "b", "4"), cpuFrame(4, "c", "")), "!profile of time", "!node 4 is a child of two nodes, 2 and 3"},
		{"missing-child.cpuprofile", cpuProfile("2", "1000", root("2,77"), cpuFrame(2, "a", "")), "!profile of time", "a 8\n"},
		{"missing-parent.cpuprofile", strings.Replace(cpuProfile("2", "1000", root(""), cpuFrame(2, "a", "")), `"id":2`, `"id":2,"parent":77`, 1), "!profile of time", "1 node below one that does not exist: was the profile written completely?"},
		{"missing-node.cpuprofile", cpuProfile("9", "1000", root("")), "!profile of time", "!sample 0 is of node 9, which does not exist"},
		{"same-ids.cpuprofile", cpuProfile("2", "1000", root("2"), cpuFrame(2, "a", ""), cpuFrame(2, "b", "")), "!profile of time", "!node 2 occurs twice"},
		{"deltas.cpuprofile", cpuProfile("2,2", "1000", root("2"), cpuFrame(2, "a", "")), "!profile of time", "!there are 2 samples but 1 timeDeltas"},
		{"negative-deltas.cpuprofile", cpuProfile("2,2", "1000,-1000", root("2"), cpuFrame(2, "a", "")), "!profile of time", "a 8\n"},
		{"large-deltas.cpuprofile", cpuProfile("2,2,2", "1,1e308,1e308", root("2"), cpuFrame(2, "a", "")), "!profile of time", "!add up to more than 2^62"},
		{"hits.cpuprofile", strings.ReplaceAll(cpuProfile("", "", root("2"), cpuFrame(2, "a", "")), `"hitCount":0`, `"hitCount":1e308`), "!profile of time", "!add up to more than 2^62"},
	})
}

func largeV8Profiles() []Case {
	return cases([]row{
		{"deep.heapprofile", deepHeap(4000), "31 KB of live memory", "f;f;f;f"},
		{"deeper.heapprofile", deepHeap(200_000), "!it nests deeper than 10000 levels", ""},
		{"empty-nodes.heapprofile", `{"head":{"selfSize":1,"children":[{}` + strings.Repeat(",{}", 3_000_000) + `]}}`, "!fewer than 12 bytes each", ""},
		{"empty-samples.heapprofile", `{"head":{"callFrame":{"functionName":"a"},"selfSize":1},"samples":[{}` + strings.Repeat(",{}", 3_000_000) + `]}`, "!fewer than 12 bytes each", ""},
		{"deep.cpuprofile", deepCPU(1_000_000), "!profile of time", "(anonymous);(anonymous)"},
		{"all-deep.cpuprofile", wideCPU(30_000), "!profile of time", "!449,985,000 frames, more than 100,000,000; --fold-recursion"},
		{"empty-nodes.cpuprofile", `{"nodes":[{"callFrame":{}}` + strings.Repeat(",{}", 3_000_000) + `]}`, "!profile of time", "!fewer than 12 bytes each"},
	})
}
