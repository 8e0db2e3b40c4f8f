// Package dump copies the tables of one source, as they are at one position of
// its binlog, into files of the form that dumpdir describes. It writes no rows
// anywhere else and knows nothing of loading. The worker runs it as the first
// unit of a subtask in the modes full and all.
//
// # One moment
//
// All reading connections begin their transactions while a global read lock
// (FLUSH TABLES WITH READ LOCK) stops the writers of the source, or with the
// consistency lock LOCK TABLES those of the tables to dump; the position,
// the GTID set and the table structures are read under the same lock, which is
// released before the first row is read. How long it was held is logged. The
// wait for it is bounded, because writers queue up behind the wait, and begun
// anew after letting them go on. The list of
// tables, the columns and the ranges of keys are read before, without a lock,
// and only confirmed under it. Tables of an engine without row versions
// (MyISAM, Aria, MEMORY) are read while the lock is held: nothing else gives
// their rows of that moment; the log names them. The consistency none stops
// nobody: the snapshot then lies between two positions, and tables without a
// key, or without row versions, are refused.
//
// # Pieces of tables
//
// A table is cut along its clustered key, so that several connections read it
// and each file is a range of it. Integers are cut before the snapshot, by what
// the optimizer says about ranges of them. All other keys, and a value of a
// composite key's first column with very many rows, are cut by counting along
// the key beside the reading (walker). Both give chunks within a factor of two
// of each other. A table without a key is one chunk.
//
// # DDL during the dump
//
// A snapshot shows old rows but only the newest structures. So after the last
// row of a table, still holding its metadata lock, its CREATE TABLE and its
// creation time in the server are compared with what they were under the global
// lock; a table that was altered, renamed, swapped by an online-schema-change
// tool or recreated differs in one of them, or the server itself refuses the
// read (error 1412). Either way another snapshot is taken. Metadata locks are
// given back behind each chunk, so a DDL on the source waits for one chunk at
// most; a MariaDB that writes a binlog does so only for a user with BINLOG
// ADMIN, and the log says when a DDL would have to wait for the whole dump. Two
// tables swapped within the one second in which both were created are not told
// apart.
//
// # Values
//
// Text is read as utf8mb4, that of character sets which not each server has as
// bytes; the error value of an ENUM is told from an empty element. Bytes, BIT and geometry are written in hex, numbers
// as the server prints them, FLOAT through a multiplication that makes the
// server print all its digits, times in UTC. Generated columns are left out.
// Views, sequences and the like are not copied; the log names them.
//
// # Failures
//
// A snapshot dies with its connections: after a broken connection or a DDL the
// dump takes another one, for as long as the subtask runs, and Fill shows why.
// With Config.Resume what was read before stays; DESIGN.md says how rows of
// several moments become one state. Without it each attempt begins in an
// emptied directory. A missing privilege, a lock that is not granted or a full
// disk ends Run. Whatever happens before the manifest is written leaves a
// directory that load refuses.
package dump
