// Package binjson reads MySQL's binary JSON documents, in which rows events
// carry the columns of type JSON, and prints them as the server does.
//
// AppendText is what SELECT shows of a document, byte for byte, so that a
// document that crosses text keeps what text can keep: a DOUBLE stays a DOUBLE
// (1.0), the order of the keys is the server's. AppendPatched does the same for
// the partial updates of binlog_row_value_options=PARTIAL_JSON: the document
// before, and what the event says has changed in it.
//
// It does not parse JSON text, does not make binary documents, and does not
// know rows events: the syncer finds the bytes of the column in the event and
// calls here. MariaDB has no such format; its JSON is text.
//
// A document is one byte that tells the kind of the value, and the value:
//
//	object  count, size, count x (key offset, key length), count x slot, keys and values
//	array   count, size, count x slot, values
//	slot    kind, and the value itself if it fits, otherwise its offset
//	string  length (7 bits per byte, the low ones first), bytes
//	opaque  type of column, length, bytes: what JSON has no type for
//	other   little-endian numbers; a byte for null, true and false
//
// Small objects and arrays have counts, sizes and offsets of two bytes, large
// ones of four; offsets count from the count. Keys are ordered by length, then
// by bytes. Updates in place leave holes. The format is described in
// sql-common/json_binary.h of the MySQL server, that of the changes in
// sql/json_diff.h, and the tests with the build tag mysql hold both against a
// server.
//
// Damaged bytes are a fault of kind Corrupt; what they hold is not guessed, and
// what it costs to refuse them grows with their number only.
package binjson
