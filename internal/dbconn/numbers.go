package dbconn

import "github.com/raftdm/raftdm/internal/fault"

// erParse is ER_PARSE_ERROR, which is how a server answers a statement that it
// does not have.
const erParse = 1064

// meaning is what one error number of a server tells an operator.
type meaning struct {
	kind fault.Kind
	hint string
}

// byNumber translates a MySQL, MariaDB or TiDB error number. An unknown number
// has no hint: the server's own text says more than a guess.
func byNumber(number uint16) meaning {
	const grant = "grant the missing privilege to this user, for example GRANT SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* on a source, " +
		"or SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX on a target"
	switch number {
	case 1040, 1203, 1226: // too many connections: of the server, of the user
		return meaning{fault.Unavailable, "raise max_connections or the user's limit, or lower the pool sizes of the task"}
	case 1045, 1698: // access denied at login
		return meaning{fault.Invalid, "check user and password in the configuration, and with SHOW GRANTS that the user may log in from this host" +
			"; one who REQUIREs SSL or X509 needs the section security"}
	case 3159: // require_secure_transport
		return meaning{fault.Invalid, "the server wants TLS: give ssl-ca, and ssl-cert and ssl-key if it asks for a certificate, in the section security of this database"}
	case 1130: // host not allowed
		return meaning{fault.Invalid, "create the user for this machine's address, or for '%'"}
	case 1129: // host blocked
		return meaning{fault.Unavailable, "run FLUSH HOSTS on the server: it blocks this machine after many failed connections"}
	case 1044, 1142, 1143, 1227, 1370, 1449: // missing privilege
		return meaning{fault.Invalid, grant}
	case 1820, 1862: // password expired
		return meaning{fault.Invalid, "change the user's password on the server and in the configuration"}
	case 1290, 1836, 1792: // read-only server or transaction
		return meaning{fault.Unavailable, "the server is read-only: connect to the one that is written to, or switch read_only off"}
	case 1049: // unknown database
		return meaning{fault.NotFound, "create the database, or correct its name in the task"}
	case 1146, 1051: // unknown table
		return meaning{fault.NotFound, "create the table, or correct its name in the task"}
	case 1007, 1050: // database, table exists
		return meaning{fault.Exists, ""}
	case 1054, 1060, 1061, 1072, 1091, 1136, 1364: // columns and keys that do not fit
		return meaning{fault.Schema, "compare the table's structure on both sides"}
	case 1062, 1586: // duplicate key
		return meaning{fault.Data, "find out who else wrote this row into the target"}
	case 1048, 1264, 1265, 1292, 1366, 1406, 1690, 3140: // value does not fit its column
		return meaning{fault.Data, "compare the column's type on both sides"}
	case 1216, 1217, 1451, 1452: // foreign keys
		return meaning{fault.Data, "switch foreign_key_checks off in the session section of the target"}
	case 1064: // syntax
		return meaning{fault.Unsupported, "the server does not know this statement"}
	case 1193, 1231, 1232: // variables
		return meaning{fault.Invalid, "correct the variable in the session section of this database"}
	case 1785: // MySQL with GTIDs: other than InnoDB's rows in a transaction
		return meaning{fault.Unsupported, "give the table a transactional engine on the target, ALTER TABLE ... ENGINE = InnoDB: a MySQL that enforces GTID consistency " +
			"takes no rows of another one in a transaction"}
	case 1021, 1114, 3019: // disk full, table full, undo log full
		return meaning{fault.Unavailable, "make room on the server: its disk, or the file that the message names, is full"}
	case 1153: // packet too large
		return meaning{fault.Invalid, "raise max_allowed_packet on the server, for example SET GLOBAL max_allowed_packet = 134217728"}
	case 8025: // TiDB: a row is larger than one entry of its store may be
		return meaning{fault.Invalid, "raise TiDB's limit of one row, for example SET GLOBAL tidb_txn_entry_size_limit = 125829120" +
			" (and raft-entry-max-size of TiKV), or leave the table out"}
	case 8004: // TiDB: transaction too large
		return meaning{fault.Invalid, "raise performance.txn-total-size-limit in TiDB's configuration"}
	case 1236: // binlog not readable from there
		return meaning{fault.NotFound, "the binlog was purged or the position is wrong: start the task from a position that the server still has"}
	case 8108, 8200, 8214, 1105: // TiDB: not supported, or an unclassified error
		return meaning{fault.Internal, ""}
	}
	return meaning{fault.Internal, ""}
}
