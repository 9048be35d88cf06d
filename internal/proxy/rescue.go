package proxy

// rescue counts a panic of the observing code as a fault and ends it: a fault
// in what the proxy makes of the traffic never ends the traffic. It is
// deferred by every function that reads bytes of clients or servers.
func (l *Ledger) rescue() {
	if fault := recover(); fault != nil {
		l.faults.Add(1)
	}
}
