// Package plan describes the behaviour of the virtual users of a load test.
//
// A [Plan] has [Stage]s with a number of users or a rate, and [Step]s, the calls,
// with [Template]s for arguments. [Think], [Burst] and [End] describe a user. [Read] reads
// a plan file, [Plan.Resolve] fits it to the tools of a server, [Plan.Write]
// writes one. A [Threshold] is a condition that a run must hold.
package plan
