// Package rowevent reads the events of a binlog that carry rows: table maps and
// rows events, of MySQL and MariaDB, compressed and partial ones included.
//
// A row stays as the event stores it: an Image knows where each column's bytes
// are, and a Value gives them with the type under which they were written.
// Nothing is decoded before somebody asks for it, and nothing is put into an
// interface. What the bytes mean to a table (signedness, character set,
// elements of an ENUM) is for package schema to say.
//
// The bytes belong to the event's buffer, which must not be used again while an
// Image of it lives.
//
// The formats are those of "MySQL Internals: Row-Based Binary Logging" and of
// MariaDB's Knowledge Base; where they are silent, of what real servers write.
// The tests compare with go-mysql's own decoder and with real servers.
package rowevent
