package facts

import (
	"fmt"
	"strings"
	"time"
)

// Network holds the observations below HTTP.
type Network struct {
	Host      string      `json:"host"`
	Literal   bool        `json:"literal,omitempty"` // the host is an address
	Proxy     string      `json:"proxy,omitempty"`   // HTTP proxy of the environment, without secrets
	Lookup    string      `json:"lookup,omitempty"`  // error of the lookup
	LookupMs  float64     `json:"lookup_ms,omitempty"`
	Listener  *Listener   `json:"listener,omitempty"` // of a target on this machine
	Addresses []Address   `json:"addresses,omitempty"`
	TLS       []Handshake `json:"tls,omitempty"`
	PlainH2   bool        `json:"plain_h2,omitempty"` // it speaks HTTP/2 without TLS, and no HTTP/1.1
	Spoke     string      `json:"spoke,omitempty"`    // the first bytes of a server that speaks no HTTP
	OnlyTLS   bool        `json:"only_tls,omitempty"` // it answers TLS alone, at an address with http
}

// Listener is the process that listens on the port of the target.
type Listener struct {
	PID     int    `json:"pid"`
	Command string `json:"command"` // without secrets
}

// Address is the attempt to connect to one address.
type Address struct {
	Address string  `json:"address"`
	Outcome string  `json:"outcome"` // ok, refused, timeout, or the error
	Ms      float64 `json:"ms"`
	Private bool    `json:"private,omitempty"` // not on the public network
}

// Handshake is a TLS handshake with one address.
type Handshake struct {
	Address     string    `json:"address"`
	Failed      string    `json:"failed,omitempty"`  // error of the handshake itself
	Spoke       string    `json:"spoke,omitempty"`   // the first bytes, where they are not of TLS
	Asked       bool      `json:"asked,omitempty"`   // the server asked for a certificate of the client, which has none
	Invalid     string    `json:"invalid,omitempty"` // why the certificate is not accepted
	Kind        string    `json:"kind,omitempty"`    // of that reason: expired, name, authority, chain, other
	Version     string    `json:"version,omitempty"`
	ALPN        string    `json:"alpn,omitempty"`    // the version of HTTP that was agreed on
	OnlyH2      bool      `json:"only_h2,omitempty"` // clients that offer HTTP/1.1 alone are refused
	Subject     string    `json:"subject,omitempty"`
	Issuer      string    `json:"issuer,omitempty"`
	Names       []string  `json:"names,omitempty"`
	NotBefore   time.Time `json:"not_before,omitzero"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	Fingerprint string    `json:"fingerprint,omitempty"`
}

// KeptAlive is the observation of a connection on which nothing was sent for a time.
type KeptAlive struct {
	IdleMs float64 `json:"idle_ms"`           // until it was closed, or watched no longer
	Closed bool    `json:"closed"`            // by the server
	Watch  bool    `json:"watched,omitempty"` // so that IdleMs is exact
}

// Outcomes of an attempt to connect.
const (
	OutcomeOK      = "ok"
	OutcomeRefused = "refused"
	OutcomeTimeout = "timeout"
)

// IsNoProtocol reports whether a handshake failed because the server knows none of the
// versions of HTTP that were offered.
func IsNoProtocol(failed string) bool { return strings.Contains(failed, "no application protocol") }

// Kinds of invalid certificates.
const (
	KindExpired   = "expired"
	KindName      = "name"
	KindAuthority = "authority"
	KindChain     = "chain"
)

// Text describes the measurement, "" if there was none.
func (k *KeptAlive) Text() string {
	seconds := k.IdleMs / 1000
	switch {
	case k.IdleMs == 0:
		return ""
	case k.Closed && k.Watch:
		return fmt.Sprintf("an idle connection is closed after %.1f s", seconds)
	case k.Closed:
		return fmt.Sprintf("an idle connection is closed within %.1f s", seconds)
	}
	return fmt.Sprintf("a connection stays open for %.1f s without a request", seconds)
}
