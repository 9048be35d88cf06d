package snapshot

import (
	"fmt"
)

// The members of a document that are themselves objects or arrays.

func (d *decoder) stack(path string) error {
	if d.dec.PeekKind() == '[' {
		d.s.ToolCallStack = []Call{} // an empty one says that there are none
	}
	return d.array(path, func(i int) error {
		switch {
		case i >= MaxStack:
			if i == MaxStack {
				d.warn(path, fmt.Sprintf("holds more than %d calls; the rest is left out", MaxStack))
			}
			return d.dec.SkipValue()
		case d.dec.PeekKind() != '{':
			d.warn(path, "holds something that is not an object; left out")
			return d.dec.SkipValue()
		}
		d.s.ToolCallStack = append(d.s.ToolCallStack, Call{})
		call := &d.s.ToolCallStack[len(d.s.ToolCallStack)-1]
		return d.object(path+"[].", func(path, name string) error { return d.call(call, path, name) })
	})
}

func (d *decoder) call(c *Call, path, name string) (err error) {
	switch name {
	case "id":
		c.ID, err = d.text(path + name)
	case "name":
		c.Name, err = d.text(path + name)
	case "durationMs":
		c.DurationMs, err = d.amount(path + name)
	case "parentId":
		c.ParentID, err = d.text(path + name)
	case "sessionId":
		c.SessionID, err = d.text(path + name)
	case "handler":
		c.Handler, err = d.text(path + name)
	case "startedAt":
		c.StartedAt, err = d.time(path + name)
	default:
		err = d.dec.SkipValue()
	}
	return err
}

// queue reads queue depths, as {"search": 3} or [{"handler": "search", "depth": 3}].
func (d *decoder) queue(path string) error {
	d.s.HandlerQueue = map[string]int64{}
	put := func(handler string, depth *int64) {
		switch {
		case depth == nil:
		case len(d.s.HandlerQueue) < MaxStack:
			d.s.HandlerQueue[clip(handler)] = *depth
		default:
			d.warnOnce(path, fmt.Sprintf("holds more than %d queues; the rest is left out", MaxStack))
		}
	}
	switch d.dec.PeekKind() {
	case '{':
		return d.object(path+".", func(path, name string) error {
			depth, err := d.count(path + clip(name))
			put(name, depth)
			return err
		})
	case '[':
		return d.array(path, func(int) error { return d.queueEntry(path+"[]", put) })
	}
	d.s.HandlerQueue = nil
	return d.absent(path, "an object or an array")
}

func (d *decoder) queueEntry(path string, put func(string, *int64)) error {
	if d.dec.PeekKind() != '{' {
		return d.absent(path, "an object")
	}
	var handler string
	var depth *int64
	err := d.object(path+".", func(path, name string) (err error) {
		switch name {
		case "handler":
			handler, err = d.text(path + name)
		case "depth":
			depth, err = d.count(path + name)
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
	put(handler, depth)
	return err
}

func (d *decoder) handlers(path string) error {
	all := path
	if d.dec.PeekKind() != '{' {
		return d.absent(path, "an object")
	}
	d.s.Handlers = map[string]Handler{}
	return d.object(path+".", func(path, handler string) error {
		path += clip(handler)
		if d.dec.PeekKind() != '{' {
			return d.absent(path, "an object")
		}
		var h Handler
		err := d.object(path+".", func(path, name string) (err error) {
			switch name {
			case "calls":
				h.Calls, err = d.count(path + name)
			case "errors":
				h.Errors, err = d.count(path + name)
			case "retainedMB":
				h.RetainedMB, err = d.amount(path + name)
			default:
				err = d.dec.SkipValue()
			}
			return err
		})
		if len(d.s.Handlers) < MaxStack {
			d.s.Handlers[clip(handler)] = h
		} else {
			d.warnOnce(all, fmt.Sprintf("holds more than %d handlers; the rest is left out", MaxStack))
		}
		return err
	})
}

func (d *decoder) poll(path string) error {
	if d.dec.PeekKind() != '{' {
		return d.absent(path, "an object")
	}
	p := &Poll{}
	d.s.Poll = p
	return d.object(path+".", func(path, name string) (err error) {
		switch name {
		case "at":
			err = d.into(path+name, &p.At)
		case "target":
			p.Target, err = d.text(path + name)
		case "latencyMs":
			p.LatencyMs, err = orZero(d.amount(path + name))
		case "dnsMs":
			p.DNSMs, err = orZero(d.amount(path + name))
		case "connectMs":
			p.ConnectMs, err = orZero(d.amount(path + name))
		case "tlsMs":
			p.TLSMs, err = orZero(d.amount(path + name))
		case "firstByteMs":
			p.FirstByteMs, err = orZero(d.amount(path + name))
		case "intervalMs":
			p.IntervalMs, err = orZero(d.amount(path + name))
		case "skipped":
			p.Skipped, err = orZero(d.count(path + name))
		case "restarted":
			p.Restarted, err = d.flag(path + name)
		case "error":
			p.Error, err = d.text(path + name)
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
}

func (d *decoder) upstream(path string) error {
	if d.dec.PeekKind() != '{' {
		return d.absent(path, "an object")
	}
	u := &Upstream{}
	d.s.Upstream = u
	return d.object(path+".", func(path, name string) (err error) {
		switch name {
		case "to":
			u.To, err = d.text(path + name)
		case "failing":
			u.Failing, err = d.flag(path + name)
		case "outages":
			u.Outages, err = orZero(d.count(path + name))
		case "failures":
			u.Failures, err = orZero(d.count(path + name))
		case "since":
			u.Since, err = d.time(path + name)
		case "lastError":
			u.LastError, err = d.text(path + name)
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
}

func (d *decoder) into(path string, t *Time) error {
	at, err := d.time(path)
	if at != nil {
		*t = *at
	}
	return err
}

func orZero[T any](v *T, err error) (T, error) {
	if v == nil {
		return *new(T), err
	}
	return *v, err
}
