package process

import (
	"net/netip"
	"slices"
	"strings"
)

// ReadSockets reads into d the sockets of the members that the last Read found. It
// costs 3 µs an open file and, when there is a socket, milliseconds on a big
// machine: the kernel walks its whole table.
func (t *Tree) ReadSockets(d *Detail) {
	own := map[string]bool{} // by inode: a socket that several processes share counts once
	for _, p := range t.members {
		if err := p.sockets(own); err != nil && !p.ended() {
			d.refused(err)
			return
		}
	}
	d.Sockets = float64(len(own))
	if states, ok := t.states(own); ok {
		d.Established, d.CloseWait, d.Listen = states[tcpEstablished], states[tcpCloseWait], states[tcpListen]
	}
}

// sockets adds the inodes of the sockets of p to own.
func (p *proc) sockets(own map[string]bool) error {
	dir, err := p.dir.OpenRoot("fd")
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // only read
	files, err := openFiles(p)
	for _, name := range files {
		link, _ := dir.Readlink(name) // empty when it was closed meanwhile
		if inode, ok := strings.CutPrefix(link, "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return err
}

// openFiles lists the file descriptors of p.
func openFiles(p *proc) ([]string, error) {
	dir, err := p.dir.Open("fd")
	if err != nil {
		return nil, err
	}
	defer dir.Close() //nolint:errcheck // only read
	return dir.Readdirnames(-1)
}

// states counts the TCP sockets among own by state.
func (t *Tree) states(own map[string]bool) (states map[byte]float64, ok bool) {
	states = map[byte]float64{}
	if len(own) == 0 {
		return states, true
	}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		b, err := t.root.dir.ReadFile(table)
		if err != nil && table == "net/tcp" {
			return nil, false
		}
		if countStates(b, own, states) == len(own) {
			break // all are found
		}
	}
	return states, true
}

// Peers returns the addresses that a process is connected to over TCP, sorted; none if the
// process cannot be read.
func Peers(pid int) []netip.AddrPort {
	p, err := open(pid)
	if err != nil {
		return nil
	}
	defer p.close()
	own := map[string]bool{}
	_ = p.sockets(own) // without the right there are none
	var all []netip.AddrPort
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		b, _ := p.dir.ReadFile(table)
		all = append(all, peersIn(b, own)...)
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	return slices.Compact(all)
}
