// Package onlineddl tells by their names what gh-ost and pt-online-schema-change
// make of a table they alter: a shadow table, which gets the new structure and
// then takes the table's place, and trash tables, which hold the old rows or
// notes of the tool. All other tables are real.
//
// Rules are immutable and touch no database. internal/config builds them from
// shadow-table-rules and trash-table-rules; the filter that Only makes keeps the
// tools' tables out of dump, load and syncer alike, and the syncer asks Kind and
// Names for each statement. New fails with a fault of kind Invalid and DM's code
// when a rule is malformed; nothing else fails.
package onlineddl
