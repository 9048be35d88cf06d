package process

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// stat holds the fields of /proc/<pid>/stat that are needed.
type stat struct {
	name    string
	state   byte
	parent  int
	kernel  bool   // a thread of the kernel, without memory
	cpu     uint64 // ticks in user and system mode
	threads int
	start   uint64 // ticks since boot
}

const kernelThread = 0x00200000 // PF_KTHREAD of linux/sched.h

// parseStat parses /proc/<pid>/stat. The name is in parentheses and may contain any
// character: it ends at the last parenthesis.
func parseStat(b []byte) (stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return stat{}, errors.New("stat: no name in parentheses")
	}
	fields := bytes.Fields(b[end+1:])
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("stat: %d fields after the name, want 20", len(fields))
	}
	field := func(n int) uint64 { // numbered as in proc_pid_stat(5)
		v, _ := strconv.ParseUint(string(fields[n-3]), 10, 64)
		return v
	}
	return stat{
		name:    string(b[open+1 : end]),
		state:   fields[0][0],
		parent:  int(field(4)),
		kernel:  field(9)&kernelThread != 0,
		cpu:     field(14) + field(15),
		threads: int(field(20)),
		start:   field(22),
	}, nil
}

func (s stat) ended() bool { return s.state == 'Z' || s.state == 'X' }

// statm holds the first numbers of /proc/<pid>/statm, in pages.
type statm struct {
	size     uint64 // of the address space
	resident uint64 // in memory
	shared   uint64 // of those resident, pages of a file or shared; the others are private, mostly heap
}

// parseStatm runs for each process at each tick and does not allocate.
func parseStatm(b []byte) (m statm, ok bool) {
	for _, n := range []*uint64{&m.size, &m.resident, &m.shared} {
		if *n, b, ok = leadingNumber(b); !ok {
			return statm{}, false
		}
	}
	return m, true
}

// appendPIDs appends to dst the numbers in the text of a children file.
func appendPIDs(dst []int, b []byte) []int {
	for {
		n, rest, ok := leadingNumber(b)
		if !ok {
			return dst
		}
		dst, b = append(dst, int(n)), rest
	}
}

func leadingNumber(b []byte) (n uint64, rest []byte, ok bool) {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n') {
		b = b[1:]
	}
	for len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		n, b, ok = n*10+uint64(b[0]-'0'), b[1:], true
	}
	return n, b, ok
}

// parseKB finds "key:  123 kB" in a file such as meminfo, status or
// smaps_rollup and returns bytes. An absent key is not 0.
func parseKB(b []byte, key string) (bytesOf uint64, ok bool) {
	for line := range bytes.Lines(b) {
		rest, found := bytes.CutPrefix(line, []byte(key))
		if !found || len(rest) == 0 || rest[0] != ':' {
			continue
		}
		n, _, ok := leadingNumber(bytes.TrimLeft(rest[1:], " \t"))
		return n * 1024, ok
	}
	return 0, false
}

// States of a TCP socket, as in linux/tcp_states.h.
const (
	tcpEstablished = 0x01
	tcpCloseWait   = 0x08
	tcpListen      = 0x0a
)

// countStates adds the sockets of /proc/net/tcp whose inodes are in own to states. It
// returns their number.
func countStates(table []byte, own map[string]bool, states map[byte]float64) (found int) {
	for line := range bytes.Lines(table) {
		fields := bytes.Fields(line)
		if len(fields) < 10 || !own[string(fields[9])] {
			continue
		}
		if state, err := strconv.ParseUint(string(fields[3]), 16, 8); err == nil {
			states[byte(state)]++
			found++
		}
	}
	return found
}

// listenersIn yields the inode and the port of each socket of /proc/net/tcp or tcp6 that
// listens.
func listenersIn(table []byte) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for line := range bytes.Lines(table) {
			fields := bytes.Fields(line)
			if len(fields) < 10 || string(fields[3]) != "0A" { // tcpListen
				continue
			}
			_, text, _ := strings.Cut(string(fields[1]), ":")
			port, err := strconv.ParseUint(text, 16, 16)
			if err == nil && !yield(string(fields[9]), int(port)) {
				return
			}
		}
	}
}

// peersIn returns the remote addresses of the connections of /proc/net/tcp or tcp6 whose
// inodes are in own.
func peersIn(table []byte, own map[string]bool) (all []netip.AddrPort) {
	for line := range bytes.Lines(table) {
		fields := bytes.Fields(line)
		if len(fields) < 10 || !own[string(fields[9])] || string(fields[3]) != "01" { // tcpEstablished
			continue
		}
		if peer, ok := parsePeer(string(fields[2])); ok {
			all = append(all, peer)
		}
	}
	return all
}

// parsePeer reads 0100007F:1538: the address in words of the byte order of the machine,
// which is little-endian on all that are built for, and the port.
func parsePeer(text string) (netip.AddrPort, bool) {
	host, portText, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	port, portErr := strconv.ParseUint(portText, 16, 16)
	if err != nil || portErr != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), ok
}
