// Package s3 judges a bucket of S3-compatible storage: whether it can be reached, whether
// the credentials may use it, the clock of the server, uploads that were never completed.
//
// [Check] sends the requests in the list of requests.go, each signed with the signer of
// Amazon's SDK. None reads or changes an object.
package s3
