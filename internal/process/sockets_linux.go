package process

import (
	"strings"

	"golang.org/x/sys/unix"
)

// ReadSockets reads into d the sockets of the members that the last Read saw. It costs
// 3 µs an open file, and where there is a socket among them milliseconds for the
// tables of the kernel, which is looked through as a whole however few use it.
func (t *Tree) ReadSockets(d *Detail) {
	own := map[string]bool{} // by inode: one that several processes share counts once
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
	names, err := namesAt(p.fd(), "fd")
	for _, name := range names {
		var buf [64]byte // longer links are none of sockets
		n, err := unix.Readlinkat(p.fd(), "fd/"+name, buf[:])
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := strings.CutPrefix(string(buf[:n]), "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return err
}

// states counts the TCP sockets among own by state.
func (t *Tree) states(own map[string]bool) (states map[byte]float64, ok bool) {
	states = map[byte]float64{}
	if len(own) == 0 {
		return states, true
	}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		b, err := appendFile(t.table[:0], t.root.fd(), table)
		if err != nil && table == "net/tcp" {
			return nil, false
		}
		t.table = b
		if countStates(b, own, states) == len(own) {
			break // there are no more to find
		}
	}
	return states, true
}
