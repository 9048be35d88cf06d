// Package trend decides whether a series of memory readings is a leak.
//
// It has two parts. The statistics take points and return numbers: [TheilSen]
// and [MannKendall] for slopes and their significance, [Envelope] and [Series]
// for lower envelopes in bounded memory, [Steps], [SawTooth] and [Linearity] for
// shapes. A function that implements a published method names its author.
//
// The judgement combines them: [Judge] for settled readings after rounds of
// identical operations, [JudgeTime] for readings of a working server,
// [Accumulates] for counts, which have no noise. Each returns a [Judgement] with
// the verdict, its reasons, the rate with an interval, and the detection limit,
// which is the smallest leak that the readings could have shown.
package trend
