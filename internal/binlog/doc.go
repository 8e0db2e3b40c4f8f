// Package binlog says where one is in a source's binlog: a file position, a
// GTID set, or both as a Location. It reads no binlog itself.
//
// All three are immutable values: Add and the like answer a new value and
// leave the old one alone, so a location may be handed between goroutines.
//
// Two things about order that callers rely on. Positions compare by the number
// behind the file name's last dot, so mysql-bin.1000000 comes after
// mysql-bin.999999. GTID sets are only partially ordered: ask Contains, never
// compare strings.
//
// MySQL and MariaDB mean different things by a GTID set. MySQL's is a real set
// of transactions. MariaDB's is a position: per replication domain the last
// transaction seen, and everything with a lower sequence number in that domain
// counts as contained. A single transaction applied ahead of others therefore
// cannot be expressed as a MariaDB set; keep its GTID string instead.
package binlog
