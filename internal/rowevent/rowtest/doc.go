// Package rowtest makes rows for tests as servers would: it writes Go values
// into table map and rows events and reads them back with rowevent's Decoder.
//
// Columns are given as in a CREATE TABLE: "int unsigned", "varchar(9)",
// "decimal(9,2)", "enum('a','b')"; words behind the type are not looked at, but
// for COMPRESSED and character sets of one byte. A type with "old " in front is
// stored as servers before MySQL 5.6 did. "latin1" columns and others take bytes
// of their character set.
//
// Values: any integer for integers, YEAR (the year), BIT, ENUM (the number of
// the element) and SET (bits); a float for FLOAT and DOUBLE; text as the server
// prints it for DECIMAL, dates and times (TIMESTAMP in UTC); strings or bytes
// for all others. nil is NULL, and Absent is not in the row at all.
//
// It knows nothing of package schema, whose own tests use it, and shares no code
// with package rowevent, which it is there to test.
package rowtest
