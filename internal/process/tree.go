package process

import (
	"errors"
	"maps"
	"slices"
	"syscall"
	"time"
)

// Memory is what a process holds, in bytes.
type Memory struct {
	RSS uint64 // pages in memory; pages shared with others count in each
	VMS uint64 // address space
	// Anonymous is what of RSS is neither a file's nor shared: heaps and stacks.
	// Only Linux tells; it is 0 elsewhere.
	Anonymous uint64
}

// Reading is one look at a tree of processes.
type Reading struct {
	Self     Memory // the process itself
	Total    Memory // with all its living descendants
	Children int    // living descendants
	Zombies  int    // descendants that ended and that nobody collected
	Short    bool   // descendants are missing, since no more files may be open
}

// ShortText says what a Short reading means, and the way out.
const ShortText = "processes of the tree are missing: they need more open files than are allowed; raise the limit (ulimit -n)"

// Tree reads a process and its descendants, tick after tick. A descendant once
// seen is kept until it ends, even when its parent ends first and the system
// hands it to another.
type Tree struct {
	root    *proc
	members map[int]*proc // the root and its descendants by PID
	kin     kinship
	zombies int    // found by the last Read
	short   bool   // some members could not be read
	ids     []int  // of the members, scratch
	kids    []int  // of one member, scratch
	table   []byte // of TCP sockets, scratch

	used   map[ID]time.Duration // CPU of the members at usedAt
	usedAt time.Time
}

// Open begins to watch the process that id names. With id.Start 0 it takes the
// process that has the PID now.
func Open(id ID) (*Tree, error) {
	root, err := open(id.PID)
	if err != nil {
		return nil, explain(id.PID, err)
	}
	if id.Start != 0 && root.id.Start != id.Start {
		root.close()
		return nil, explain(id.PID, ErrEnded)
	}
	return &Tree{root: root, members: map[int]*proc{id.PID: root}}, nil
}

// ID names the process at the root.
func (t *Tree) ID() ID { return t.root.id }

// Members names the processes that the last Read saw, the root first.
func (t *Tree) Members() []ID {
	ids := []ID{t.root.id}
	for _, pid := range slices.Sorted(maps.Keys(t.members)) {
		if pid != t.root.id.PID {
			ids = append(ids, t.members[pid].id)
		}
	}
	return ids
}

// Read looks at the tree. It returns ErrEnded when the root has ended,
// whatever its descendants do.
func (t *Tree) Read() (Reading, error) {
	if err := t.grow(); err != nil {
		return Reading{}, err
	}
	r := Reading{Zombies: t.zombies, Short: t.short}
	for pid, p := range t.members {
		m, err := p.memory()
		switch {
		case err == nil:
			r.add(m, p == t.root)
		case p == t.root:
			return Reading{}, explainRead(p.id.PID, err)
		case gone(err):
			p.close()
			delete(t.members, pid)
		}
	}
	return r, nil
}

func (r *Reading) add(m Memory, root bool) {
	r.Total.RSS += m.RSS
	r.Total.VMS += m.VMS
	r.Total.Anonymous += m.Anonymous
	if root {
		r.Self = m
	} else {
		r.Children++
	}
}

func explainRead(pid int, err error) error {
	if gone(err) {
		return ErrEnded
	}
	return explain(pid, err)
}

// grow adds the descendants that are new since the last tick.
func (t *Tree) grow() error {
	if err := t.kin.refresh(); err != nil {
		return err
	}
	t.zombies, t.short, t.ids = 0, false, t.ids[:0]
	for pid := range t.members {
		t.ids = append(t.ids, pid)
	}
	for i := 0; i < len(t.ids); i++ { // grows while it is walked
		var err error
		t.kids, err = t.kin.children(t.kids[:0], t.members[t.ids[i]])
		t.short = t.short || scarce(err)
		for _, kid := range t.kids {
			if t.members[kid] == nil {
				t.adopt(kid)
			}
		}
	}
	return nil
}

// scarce reports whether err is that no more files may be open.
func scarce(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// adopt makes a child that is new a member.
func (t *Tree) adopt(kid int) {
	p, err := open(kid)
	switch {
	case err == nil:
		t.members[kid] = p
		t.ids = append(t.ids, kid)
	case isZombie(err):
		t.zombies++
	case scarce(err):
		t.short = true
	}
}

// Close lets go of the tree.
func (t *Tree) Close() {
	for _, p := range t.members {
		p.close()
	}
	clear(t.members)
}
