// Package schema knows table structures: it reads CREATE TABLE statements and
// applies DDL to them, so that a row of the binlog, which has no column names,
// can be told column by column.
//
// It has three doors. Parse reads a CREATE TABLE as MySQL, MariaDB or TiDB print
// it. Tracker follows the DDL of a binlog. Table and Column say what a syncer
// needs for one row: Literal writes a value as exact SQL, ConflictKeys says
// which rows must keep their order.
//
// CREATE TABLE is read here token by token and not by TiDB's SQL parser: that
// parser refuses what other servers print (INVISIBLE, expression defaults, other
// character sets and types). DDL statements arrive as that parser's AST.
//
// Invariants. A Table is immutable. Its CreateSQL is canonical: for the empty
// sql_mode, with every character set spelled out, and Parse of it gives an equal
// Table. It holds columns, indexes and options; foreign keys, CHECK constraints,
// partitions and the AUTO_INCREMENT counter are left out, because they change
// neither a row's form nor how it is found, so it is not the text to create a
// copy of the table with.
//
// Failures. What cannot be read is fault.Schema or fault.Unsupported and names
// table, column and fragment; a DDL without a rule is fault.Unsupported. Nothing
// is skipped in silence. A value that does not fit its column is fault.Data: the
// tracked structure is not the one the row was written with.
package schema
