package process

import (
	"errors"
	"maps"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Memory is the memory of a process, in bytes.
type Memory struct {
	RSS uint64 // pages in memory; pages shared with others count in each
	VMS uint64 // address space
	// Anonymous is the part of RSS that belongs to no file and is not shared: heaps and
	// stacks. It is 0 on systems other than Linux.
	Anonymous uint64
}

// Reading is the state of a tree of processes at one time.
type Reading struct {
	Self     Memory // the process itself
	Total    Memory // with all its living descendants
	Children int    // living descendants
	Zombies  int    // descendants that ended and that their parents did not collect
	Short    bool   // descendants are missing because no more files may be open
}

// ShortText is the message for a Short reading.
const ShortText = "processes of the tree are missing: they need more open files than are allowed; raise the limit (ulimit -n)"

// Tree reads a process and its descendants again and again. A descendant is kept
// until it ends, even when its parent ends first and another process adopts it.
type Tree struct {
	root    *proc
	members map[int]*proc // the root and its descendants by PID
	kin     kinship
	zombies int   // found by the last Read
	short   bool  // some members could not be read
	ids     []int // of the members, scratch
	kids    []int // of one member, scratch

	used   map[ID]time.Duration // CPU of the members at usedAt
	usedAt time.Time
}

// Open opens the tree of a process. With id.Start 0 it is the process that has the PID now.
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

// ID returns the root of the tree.
func (t *Tree) ID() ID { return t.root.id }

// Members lists the processes that the last Read found, the root first.
func (t *Tree) Members() []ID {
	ids := []ID{t.root.id}
	for _, pid := range slices.Sorted(maps.Keys(t.members)) {
		if pid != t.root.id.PID {
			ids = append(ids, t.members[pid].id)
		}
	}
	return ids
}

// MemoryOf returns the memory of each process that the last Read found.
func (t *Tree) MemoryOf() map[ID]Memory {
	memory := make(map[ID]Memory, len(t.members))
	for _, p := range t.members {
		memory[p.id] = p.last
	}
	return memory
}

// Read reads the tree. It returns ErrEnded when the root has ended, also when
// descendants live.
func (t *Tree) Read() (Reading, error) {
	if err := t.grow(); err != nil {
		return Reading{}, err
	}
	r := Reading{Zombies: t.zombies, Short: t.short}
	for pid, p := range t.members {
		m, err := p.memory()
		switch {
		case err == nil:
			p.last = m
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

// grow adds descendants that are new.
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
				t.adopt(kid, t.members[t.ids[i]])
			}
		}
	}
	return nil
}

// scarce reports whether err means that no more files may be open.
func scarce(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// keepsParents reports whether a process keeps the PID of its parent when that ends. Another process
// may get the number then.
const keepsParents = runtime.GOOS == "windows"

// adopt makes a new child of parent a member.
func (t *Tree) adopt(kid int, parent *proc) {
	p, err := open(kid)
	switch {
	case err == nil && keepsParents && p.id.Start < parent.id.Start:
		p.close() // the child of an earlier process with this PID
	case err == nil:
		t.members[kid] = p
		t.ids = append(t.ids, kid)
	case isZombie(err):
		t.zombies++
	case scarce(err):
		t.short = true
	}
}

// Close releases the files of the tree.
func (t *Tree) Close() {
	for _, p := range t.members {
		p.close()
	}
	clear(t.members)
}

// Family lists a process and its descendants of this moment, the process first. Their memory
// is not read: on macOS that starts a program for each.
func Family(id ID) ([]ID, error) {
	tree, err := Open(id)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	if err := tree.grow(); err != nil {
		return nil, err
	}
	return tree.Members(), nil
}
