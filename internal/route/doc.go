// Package route decides what the tables of a source are called on the target:
// DM's routes, with the columns that say where a row came from.
//
// A Router is made once from the rules of one task and source. A rule with a
// table pattern wins over one about the schema; statements about a whole schema
// ask only the latter. Two rules of one rank for the same name are an error, and
// never a matter of order. Who is asked for a name answers from memory from the
// second time on: the syncer asks for each statement, dump and load for each table.
//
// Names are told apart as the source tells them; targets are written as the
// rules write them. A nil *Router changes nothing. Failures are of kind Invalid
// and name the rules.
package route
