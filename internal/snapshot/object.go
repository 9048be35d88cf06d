package snapshot

import (
	"fmt"
	"slices"
	"strings"
)

// member is a member of objects that are read into a T.
type member[T any] struct {
	name string
	read func(*decoder, *T) error
}

// readObject reads an object into v, from its brace. Unknown members are skipped.
func readObject[T any](d *decoder, members []member[T], v *T) error {
	d.accept('{')
	depth := len(d.path)
	d.path = append(d.path, "")
	var seen uint64 // members, by their index
	next := 0
	for first := true; ; first = false {
		more, err := d.element('}', first)
		if !more {
			d.path = d.path[:depth]
			return err
		}
		i, name, err := find(d, members, next)
		d.path = d.path[:depth+1]
		switch {
		case err != nil:
		case i < 0:
			d.unknown(name, func(yield func(string) bool) { namesOf(members, yield) })
			err = d.skip()
		case seen>>i&1 == 1:
			d.path[depth] = members[i].name
			d.warn("occurs twice; the first one counts")
			err = d.skip()
		default:
			next, seen = i+1, seen|1<<i
			d.path[depth] = members[i].name
			err = members[i].read(d, v)
		}
		if err != nil {
			return err
		}
	}
}

// readNew reads an object into a new T, nil for anything but an object.
func readNew[T any](d *decoder, members []member[T]) (*T, error) {
	if d.peek() != '{' {
		return nil, d.absent("an object")
	}
	v := new(T)
	return v, readObject(d, members, v)
}

// find reads the name of a member and returns its index, or -1 and the name if there is
// none. It begins at next: documents have their members in the order of the tables.
func find[T any](d *decoder, members []member[T], next int) (i int, name []byte, err error) {
	for n := range members {
		i := next + n
		if i >= len(members) {
			i -= len(members)
		}
		if d.named(members[i].name) {
			return i, nil, nil
		}
	}
	if name, err = d.name(); err != nil {
		return 0, nil, err
	}
	name = unquote(name)
	return slices.IndexFunc(members, func(m member[T]) bool { return m.name == string(name) }), name, nil
}

func namesOf[T any](members []member[T], yield func(string) bool) {
	for i := range members {
		if !yield(members[i].name) {
			return
		}
	}
}

// unknown warns of a name that differs from a known one only in case.
func (d *decoder) unknown(name []byte, known func(yield func(string) bool)) {
	for k := range known {
		if strings.EqualFold(k, string(name)) {
			d.path[len(d.path)-1] = Clip(string(name))
			d.warn("is not a field of a snapshot; did you mean " + k + "?")
		}
	}
}

// stack reads the calls in flight.
func (d *decoder) stack(s *Snapshot) error {
	n := 0
	if d.peek() == '[' {
		s.ToolCallStack = d.calls[:0:cap(d.calls)]
		if d.calls == nil {
			s.ToolCallStack = []Call{} // an empty one means that there are none
		}
	}
	d.seen.before, d.seen.now, d.seen.next = d.seen.now, d.seen.before[:0], 0
	defer func() { d.calls = s.ToolCallStack }()
	return d.array(func() error {
		n++
		switch {
		case n > MaxStack:
			d.warnOnce(fmt.Sprintf("holds more than %d calls; the rest is omitted", MaxStack))
			return d.skip()
		case d.peek() != '{':
			d.warn("holds a value that is not an object; omitted")
			return d.skip()
		}
		s.ToolCallStack = append(s.ToolCallStack, Call{})
		return d.call(&s.ToolCallStack[len(s.ToolCallStack)-1])
	})
}

// queueDepth is an entry of a queue that is written as an array.
type queueDepth struct {
	handler string
	depth   *int64
}

// queue reads queue depths, as {"search": 3} or [{"handler": "search", "depth": 3}].
func (d *decoder) queue(s *Snapshot) error {
	put := func(handler string, depth *int64) {
		if depth != nil && bounded(d, s.HandlerQueue, "queues") {
			s.HandlerQueue[handler] = *depth
		}
	}
	switch d.peek() {
	case '{':
		s.HandlerQueue = map[string]int64{}
		has := func(handler string) bool { _, ok := s.HandlerQueue[handler]; return ok }
		return d.entries(has, func(handler string) error {
			depth, err := d.count()
			put(handler, depth)
			return err
		})
	case '[':
		s.HandlerQueue = map[string]int64{}
		return d.array(func() error {
			q, err := readNew(d, depthMembers)
			if q != nil {
				put(q.handler, q.depth)
			}
			return err
		})
	}
	return d.absent("an object or an array")
}

func (d *decoder) handlers(s *Snapshot) error {
	if d.peek() != '{' {
		return d.absent("an object")
	}
	s.Handlers = map[string]Handler{}
	has := func(name string) bool { _, ok := s.Handlers[name]; return ok }
	return d.entries(has, func(name string) error {
		h, err := readNew(d, handlerMembers)
		if h != nil && bounded(d, s.Handlers, "handlers") {
			s.Handlers[name] = *h
		}
		return err
	})
}

// bounded reports whether m has space for another entry, and warns if it has not.
func bounded[V any](d *decoder, m map[string]V, noun string) bool {
	if len(m) < MaxStack {
		return true
	}
	path := d.path
	d.path = path[:1]
	d.warnOnce(fmt.Sprintf("holds more than %d %s; the rest is omitted", MaxStack, noun))
	d.path = path
	return false
}

// entries reads an object whose names come from the server. The first of two equal
// names counts: has reports whether there was one.
func (d *decoder) entries(has func(name string) bool, entry func(name string) error) error {
	d.accept('{')
	depth := len(d.path)
	for first := true; ; first = false {
		more, err := d.element('}', first)
		if !more {
			d.path = d.path[:depth]
			return err
		}
		raw, err := d.name()
		if err != nil {
			return err
		}
		name := d.recent.string(unquote(raw))
		d.path = append(d.path[:depth], name)
		if has(name) {
			d.warn("occurs twice; the first one counts")
			err = d.skip()
		} else {
			err = entry(name)
		}
		if err != nil {
			return err
		}
	}
}

// array reads an array and calls element for each element, which must consume it.
func (d *decoder) array(element func() error) error {
	if !d.accept('[') {
		return d.absent("an array")
	}
	depth := len(d.path)
	name := d.path[depth-1]
	each := name + "[]"
	for first := true; ; first = false {
		d.path = d.path[:depth]
		d.path[depth-1] = each
		more, err := d.element(']', first)
		if !more {
			d.path[depth-1] = name
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}
