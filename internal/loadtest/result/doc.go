// Package result holds the measurements of a load test and the conclusions from them.
//
// [Result] is the JSON document. Its distributions are [Latency] values, each
// with its [Histogram], so that results add up ([Merge]). [Result.Judge] checks
// thresholds, [Result.Compare] compares with an older result. [Level] and
// [StepResult] are one step of a search for the knee.
package result
