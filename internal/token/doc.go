// Package token reads an access token and judges it: form, algorithm, type, times,
// issuer, audience, scope, signature, binding.
//
// [Decode] reads a JWT without trusting it, even if a library rightly refuses it:
// "alg" none, a second member of the same name, a broken signature. [Judge] compares
// the claims with the server's requirements ([Expect]). Only the signature is checked by a
// library (go-jose). Neither the token nor its signature is ever part of a result.
//
// The rules are those of RFC 7515 and 7519 (JWS, JWT), RFC 9068 (access tokens),
// RFC 8707 (resource), RFC 8725 (best practices) and RFC 7662 (introspection).
package token
