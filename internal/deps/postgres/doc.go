// Package postgres judges a PostgreSQL server that an MCP server depends on: slots, locks,
// transactions that stay open, slow statements.
//
// [Check] opens one connection and sends nothing but the statements of statements.go,
// each in a read-only transaction of its own that is rolled back. It changes nothing: a
// statement that would, such as pg_terminate_backend, is part of a hint for the user. A
// check that the role may not see is skipped and names the grant. Where the address is the
// admin console of PgBouncer, its pools are judged instead, by the commands of pooler.go.
package postgres
