// Package endpoint says where servers are and how to log in there. It is what
// package config shares with packages that know nothing of files.
package endpoint

// Database is how to reach one MySQL-protocol server.
type Database struct {
	Host     string
	Port     int
	User     string
	Password Secret
	// Session holds session variables to set on every connection.
	Session map[string]string
	// Security is how the connection is encrypted.
	Security Security
}

// StartPoint is where an incremental task begins when it has no checkpoint.
type StartPoint struct {
	BinlogName string
	BinlogPos  uint32
	BinlogGTID string
}
