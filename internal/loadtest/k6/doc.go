// Package k6 writes a plan as a script for k6 (https://k6.io).
//
// [Export] writes the plan as JSON, the scenarios and thresholds of k6 that
// correspond to it, and a fixed runtime in JavaScript that reads the JSON.
package k6
