package dbconn

// WarnTruncated is the warning of MySQL, MariaDB and TiDB for an error value of
// an ENUM, and for any other value that was cut to fit.
const WarnTruncated = 1265

// AboutWords tells the warnings about words of a statement that go out of use,
// which say nothing about what was stored.
func AboutWords(warning uint16) bool { return warning == 1287 || warning == 3719 || warning == 3778 }
