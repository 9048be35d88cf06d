package process

import (
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func TestDetail(t *testing.T) {
	tree := openTree(t, os.Getpid())
	before := tree.detailNow(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	after := tree.detailNow(t)
	if after.Listen != before.Listen+1 || after.Established != before.Established+2 || after.Sockets < before.Sockets+3 || after.Files < after.Sockets+3 {
		t.Errorf("one listener and one connection with itself: %+v after %+v", after, before)
	}
	_ = server.Close()
	processtest.Eventually(t, "the client's end waits to be closed", func() bool {
		return tree.detailNow(t).CloseWait == before.CloseWait+1
	})
	if r := read(t, tree); after.USS <= 0 || after.PSS < after.USS || after.PSS > 2*float64(r.Total.RSS) || after.Threads < 1 || after.Swap < 0 {
		t.Errorf("%+v of %+v", after, r)
	}
}

func (t *Tree) detailNow(tb testing.TB) Detail {
	tb.Helper()
	read(tb, t)
	d := NoDetail()
	t.ReadCounts(&d)
	t.ReadPages(&d)
	t.ReadSockets(&d)
	return d
}

func TestCPU(t *testing.T) {
	tree := openTree(t, os.Getpid())
	if d := tree.detailNow(t); !math.IsNaN(d.CPU) {
		t.Errorf("CPU %v with nothing to compare", d.CPU)
	}
	busy := 0.0
	processtest.Eventually(t, "work is seen", func() bool {
		for i := range 5_000_000 {
			busy += math.Sqrt(float64(i))
		}
		return tree.detailNow(t).CPU > 5
	})
}

func TestParseCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"9:name=systemd:/\n4:memory:/app/one\n0::/\n": cgroup1.mount + "/app/one",
		"0::/system.slice/mcp.service\n":              cgroup2.mount + "/system.slice/mcp.service",
		"5:cpu,memory:/../../etc\n":                   cgroup1.mount + "/etc",
		"":                                            cgroup2.mount + "/",
		"broken\n0::/a:b\n":                           cgroup2.mount + "/a:b",
	} {
		if files, group := parseCgroup(text); files.mount+group != want {
			t.Errorf("%q: %s, want %s", text, files.mount+group, want)
		}
	}
}

func FuzzParseCgroup(f *testing.F) {
	f.Add("4:memory:/app/one\n0::/\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, group := parseCgroup(text); group == "" || group[0] != '/' {
			t.Errorf("%q: group %q", text, group)
		}
	})
}

func FuzzCountStates(f *testing.F) {
	f.Add([]byte("  sl  local_address\n 0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 1\n"))
	f.Fuzz(func(_ *testing.T, table []byte) {
		countStates(table, map[string]bool{"12345": true}, map[byte]float64{})
		peersIn(table, map[string]bool{"12345": true})
		for range listenersIn(table) {
			break
		}
	})
}

// The servers that a process is connected to are found over both protocols, those that
// connect to it as well; sockets that listen are none.
func TestPeers(t *testing.T) {
	for _, host := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", host)
		if err != nil {
			t.Log("skipped: ", err)
			continue
		}
		defer l.Close()
		before := netip.MustParseAddrPort(l.Addr().String())
		if slices.Contains(Peers(os.Getpid()), before) {
			t.Errorf("%s is only listened at", before)
		}
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if all := Peers(os.Getpid()); !slices.Contains(all, before) {
			t.Errorf("%s is not in %v", before, all)
		}
	}
	for text, want := range map[string]string{"0100007F:1538": "127.0.0.1:5432", "0000000000000000FFFF00000100007F:18EB": "127.0.0.1:6379", "00000000000000000000000001000000:0001": "[::1]:1", "01:1": "", "0100007F": "", "zz:1": ""} {
		if got, ok := parsePeer(text); ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s is %s, %v", text, got, ok)
		}
	}
}

func BenchmarkDetail(b *testing.B) {
	tree := openTree(b, helper(b, "tree 20 1").Process.Pid)
	read(b, tree)
	parts := map[string]func(*Detail){"counts": tree.ReadCounts, "sockets": tree.ReadSockets, "pages": tree.ReadPages}
	for name, part := range parts {
		b.Run("part="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				part(new(NoDetail()))
			}
		})
	}
}
