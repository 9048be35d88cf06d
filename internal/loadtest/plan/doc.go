// Package plan describes the work of the virtual users of a load test.
//
// [Plan] is the whole: its [Stage]s say how many users there are, or at which
// rate calls start; its [Step]s are the calls, with [Template]s for
// arguments; [Think], [Burst] and [End] say how a user behaves. [Read] reads
// a plan file, [Plan.Resolve] fits it to the tools of a server, [Plan.Write]
// writes one. A [Threshold] is a condition that a run must hold.
package plan
