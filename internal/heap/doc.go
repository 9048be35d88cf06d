// Package heap finds out which objects a process keeps, and which object holds them.
//
// [Compare] takes two heap snapshots of V8: an object of the second is new if its id
// is larger than every id of the first, and it belongs to the nearest old object on
// the shortest way from the root, its holder. [Inspect] describes one snapshot.
// [CompareProfiles] compares two profiles of allocations by function and line. All
// return a [Result]. [Read] recognizes the kind of a file and calls them.
package heap
