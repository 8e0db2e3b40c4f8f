// Package replica reads the binlog of a MySQL or MariaDB server as a replica
// does: it registers, asks for the events from a place on, and gives them one by
// one, as bytes.
//
// go-mysql connects and says who we are; it is not used to read, since it copies
// each packet twice and allocates for each. Here packets are read into chunks of
// memory that many of them share, and an event is a part of its chunk. Events
// may be kept as long as somebody wants, and each of them keeps its whole chunk;
// so chunks are small, and an event that is larger than one has memory of its own.
//
// The protocol is that of "MySQL Internals: Replication Protocol" and of MariaDB's
// Knowledge Base, "Replication Protocol".
package replica
