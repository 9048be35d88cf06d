// Package loadtest is the parent of the packages that load an MCP endpoint with
// virtual users. It holds no code. The packages import each other in this order:
//
//   - plan: the behaviour of the users;
//   - result: measurements, thresholds, comparison with another run;
//   - engine: the users, their sessions and calls;
//   - knee: the search for the load at which a server stops scaling;
//   - k6: a plan as a script for k6.
package loadtest
