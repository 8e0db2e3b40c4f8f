package fault

// transientNumber is the retry table of error numbers, one line per reason.
// The test of Transient names each with its server constant.
func transientNumber(n uint16) bool {
	switch n {
	case 1040, 1203, 1226: // too many connections: server, user, account limit
	case 1042, 1043, 1047, 1077, 1078, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184: // connection lost or server leaving
	case 1053, 1317, 1927: // server shutdown, query interrupted, connection killed
	case 1205, 1213, 1614, 3058, 3572: // lock waits and deadlocks
	case 1290, 1792, 1836: // read-only while a primary is being switched
	case 1412: // table definition changed inside the transaction
	case 2002, 2003, 2006, 2013: // client-side numbers that proxies send on
	case 8002, 8005, 8022, 8028: // TiDB: write conflict or schema change, to be retried by the client
	case 9001, 9002, 9003, 9004, 9005, 9006, 9007, 9008, 9010, 9011, 9012, 9013: // PD and TiKV busy, lock conflicts
	case 8027: // TiDB: its schema is out of date, it lost contact to the cluster
	default:
		return false
	}
	return true
}
