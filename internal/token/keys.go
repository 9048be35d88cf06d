package token

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// Keys are the keys that may have signed a token. The zero value has none.
type Keys struct {
	set    jose.JSONWebKeySet
	secret []byte
	Source string // a file or URL, for messages
	Leaks  int    // private keys in the set
}

// Bounds of a key set.
const (
	maxKeys = 1000
	minRSA  = 2048
)

// ReadKeys reads a JSON Web Key Set, or a public key or certificate in PEM.
func ReadKeys(data []byte, source string) (Keys, error) {
	k := Keys{Source: source}
	if block, _ := pem.Decode(data); block != nil {
		key, err := publicKey(block)
		if err != nil {
			return k, fmt.Errorf("reading %s: %w", source, err)
		}
		k.set.Keys = []jose.JSONWebKey{{Key: key}}
		return k, nil
	}
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &all); err != nil || len(all.Keys) == 0 {
		return k, fmt.Errorf("reading %s: neither a JSON Web Key Set nor a public key in PEM", source)
	}
	if len(all.Keys) > maxKeys {
		return k, fmt.Errorf("reading %s: %d keys; the maximum is %d", source, len(all.Keys), maxKeys)
	}
	if err := k.decode(all.Keys); err != nil || len(k.set.Keys) == 0 {
		return k, fmt.Errorf("reading %s: no key that can be used", source)
	}
	for i, key := range k.set.Keys {
		if !key.IsPublic() {
			k.Leaks++
			k.set.Keys[i] = key.Public()
		}
	}
	return k, nil
}

// decode decodes keys. Those of kinds that are not known here are left out, as RFC 7517 wants.
func (k *Keys) decode(list []json.RawMessage) error {
	for _, raw := range list {
		var kind struct {
			Type  string `json:"kty"`
			Curve string `json:"crv"`
		}
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &kind); err != nil {
			return err
		}
		curves, known := map[string][]string{"RSA": {""}, "oct": {""}, "EC": {"P-256", "P-384", "P-521"}, "OKP": {"Ed25519"}}[kind.Type]
		if !known || !slices.Contains(curves, kind.Curve) {
			continue
		}
		if err := json.Unmarshal(raw, &key); err != nil {
			return err
		}
		k.set.Keys = append(k.set.Keys, key)
	}
	return nil
}

// Len returns the number of keys.
func (k Keys) Len() int { return len(k.set.Keys) }

// Has reports whether a key has this id, or has none.
func (k Keys) Has(id string) bool {
	return slices.ContainsFunc(k.set.Keys, func(key jose.JSONWebKey) bool { return key.KeyID == "" || key.KeyID == id })
}

// Weak returns how many keys are RSA keys that are too short.
func (k Keys) Weak() int {
	n := 0
	for _, key := range k.set.Keys {
		if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSA {
			n++
		}
	}
	return n
}

// Secret returns the key of an HMAC.
func Secret(secret []byte, source string) Keys { return Keys{secret: secret, Source: source} }

func publicKey(block *pem.Block) (crypto.PublicKey, error) {
	if block.Type == "CERTIFICATE" {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	}
	if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("a PEM block that holds no public key or certificate")
}

// verify checks the signature of a compact JWS. Without a key nothing is said about it.
func (k Keys) verify(raw, alg, kid string) (s finding.Severity, hint, summary string) {
	if len(k.set.Keys) == 0 && k.secret == nil {
		return finding.Skip, "give --jwks or --key-file", "not verified: no key was given"
	}
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil || alg == "none" {
		return finding.Fail, "", "the signature cannot be read"
	}
	if k.secret != nil {
		if _, err := jws.Verify(k.secret); err != nil {
			return finding.Fail, "another secret, or the token was changed", "the signature does not verify with " + k.Source
		}
		return finding.Pass, "", "verified with " + k.Source
	}
	keys := k.set.Keys
	if kid != "" {
		keys = k.set.Key(kid)
		if len(keys) == 0 && !slices.ContainsFunc(k.set.Keys, func(key jose.JSONWebKey) bool { return key.KeyID == "" }) {
			return finding.Fail, "the keys were rotated, or the token is of another issuer", fmt.Sprintf("%s has no key with the id of the token", k.Source)
		}
		if len(keys) == 0 {
			keys = k.set.Keys
		}
	}
	small := 0
	for _, key := range keys {
		if rsaKey, ok := key.Key.(*rsa.PublicKey); ok && rsaKey.N.BitLen() < minRSA {
			small = rsaKey.N.BitLen()
			continue
		}
		if _, err := jws.Verify(key.Key); err == nil {
			return finding.Pass, "", "verified with a key of " + k.Source
		}
	}
	if small > 0 {
		return finding.Fail, "use RSA keys of at least 2048 bits", fmt.Sprintf("no key of %s verifies it, and a key of %d bits was not tried", k.Source, small)
	}
	return finding.Fail, "the keys were rotated, the token is of another issuer, or it was changed", "the signature does not verify with " + k.Source
}
