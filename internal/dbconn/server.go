package dbconn

import (
	"context"
	"database/sql"
	"strings"

	"github.com/raftdm/raftdm/internal/binlog"
)

// Server is what a server says about itself when it is first asked.
type Server struct {
	// Flavor is binlog.MySQL or binlog.MariaDB. TiDB speaks MySQL's.
	Flavor  string
	Version string // of VERSION(), for example "10.11.6-MariaDB-log"
	Comment string // of version_comment
	TiDB    bool
	// ServerID is the replication id.
	ServerID uint32
	// LowerCaseTableNames is 0 where names are case-sensitive, else 1 or 2.
	LowerCaseTableNames int
	// SQLMode is the global sql_mode.
	SQLMode string
	// LogBin tells whether the server writes a binlog.
	LogBin bool
}

// detect asks for everything in Server. TiDB has no binlog and, in some
// versions, not even the variable that says so.
func detect(ctx context.Context, db *sql.DB) (Server, error) {
	var s Server
	err := db.QueryRowContext(ctx, "SELECT VERSION(), @@version_comment, @@server_id,"+
		" @@lower_case_table_names, @@GLOBAL.sql_mode").
		Scan(&s.Version, &s.Comment, &s.ServerID, &s.LowerCaseTableNames, &s.SQLMode)
	if err != nil {
		return Server{}, err
	}
	s.Flavor, s.TiDB = flavorOf(s.Version, s.Comment)
	if !s.TiDB {
		err = db.QueryRowContext(ctx, "SELECT @@log_bin").Scan(&s.LogBin)
	}
	return s, err
}

// flavorOf reads the flavour from the two texts in which servers name
// themselves. A rebuilt MariaDB may name itself in only one of them.
func flavorOf(version, comment string) (flavor string, tidb bool) {
	names := strings.ToLower(version + " " + comment)
	switch {
	case strings.Contains(names, "tidb"):
		return binlog.MySQL, true
	case strings.Contains(names, "mariadb"):
		return binlog.MariaDB, false
	}
	return binlog.MySQL, false
}
