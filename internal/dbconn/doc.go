// Package dbconn opens connections to MySQL-protocol servers (MySQL, MariaDB,
// TiDB) and says what went wrong in words an operator can act on.
//
// Every session of a DB is alike: utf8mb4, the sql_mode, time zone and session
// variables that Open was given, matched rows counted as affected, several
// statements allowed in one packet. On TiDB the server's own transaction retry
// is switched off: a transaction that carries a position must never be replayed
// behind our back.
//
// The package reads catalogues (tables, CREATE statements, master status) but
// knows nothing of tasks. Its errors come out of Error and carry kind, side, DM
// number and a hint; a password is in none of them.
package dbconn
