package syncer

import (
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestFileThatIsNotThere: a start point in a file that the source does not have
// needs an operator, who is told what to do.
func TestFileThatIsNotThere(t *testing.T) {
	testbed.SkipIfShort(t)
	up, err := dbconn.Open(t.Context(), fault.Upstream, servers.MariaDB(t).Config(), dbconn.Options{}) // which answers like a MySQL
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	for _, at := range []binlog.Position{{Name: "mariadb-bin.999999", Pos: 4}, {Name: "not a 'file'", Pos: 4}} {
		_, err = gtidsBefore(t.Context(), up, at)
		var answer *mysql.MySQLError
		if !errors.As(err, &answer) || answer.Number != noSuchFile || fault.HintOf(err) == "" || retryable(err) || fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v, hint %q", at, err, fault.HintOf(err))
		}
	}
}
