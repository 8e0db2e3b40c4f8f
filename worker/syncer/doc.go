// Package syncer is the unit that follows a source's binlog and applies it to
// the target, each source transaction exactly once.
//
// It does not decide which worker serves a source, and it is no lock: a worker
// that has lost its source is refused by the target, through the epoch in the
// lane rows (package checkpoint), and ends with checkpoint.ErrFenced.
//
// # The chain
//
//	read.go, decode.go  a connection's bytes -> binlog events
//	group.go            events -> whole source transactions (Txn)
//	coordinate.go       skip, plan, order; DDL and pieces of huge transactions alone
//	coordinate_xa.go    rows of XA transactions: stored when prepared, applied when committed
//	online*.go          what gh-ost and pt-online-schema-change do, as one DDL
//	order.go            which lane, and whom to wait for; width.go: how many lanes;
//	                    dispatch.go: several transactions at once
//	compact.go          what of a lane's group commutes; multirow.go: fewer statements
//	lane.go, target.go  one target transaction: rows + lane row, then COMMIT
//	window.go           what is in flight, and the watermark
//
// operator*.go do with a DDL what a person wants instead; metrics*.go measure; touched.go and safe.go tell DM's tools and people.
// pipeline.go wires them; each channel is closed by its only sender. DESIGN.md
// says why they are as they are.
//
// # Invariants
//
//   - The watermark never passes a transaction that is not on the target:
//     window.finish moves it over a closed prefix only, window.record asserts it
//     whenever it is written.
//   - What the meta tables store of XA transactions is what the source has prepared
//     at the watermark, and what is applied above it; it changes in the target
//     transactions that record so.
//   - A source transaction is in exactly one target transaction, together with
//     the lane row that names it. Above Config.MaxTxnBytes it is cut; each piece
//     then carries the number of rows done.
//   - Transactions that share a conflict key reach the target in source order.
//   - A DDL runs with nothing else in flight.
//   - A COMMIT without an answer is never repeated before the lane row was read
//     back under its lock.
//
// # Failures
//
// Either database being away is retried without end and shown by Fill. What
// needs an operator ends Run with a *fault.Error that names the row or
// statement, its position, and a way out.
package syncer
