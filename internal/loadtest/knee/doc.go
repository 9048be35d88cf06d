// Package knee searches for the load at which a server stops scaling.
//
// [Find] measures growing levels until throughput no longer grows, and narrows
// down where an objective begins to fail. [Knee] is the JSON document.
package knee
