package syncer

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/testbed"
)

// addedColumns are definitions that give rows that are there a value.
var addedColumns = []string{
	"INT NOT NULL", "BIGINT UNSIGNED NOT NULL", "DECIMAL(10,2) NOT NULL", "DOUBLE NOT NULL", "FLOAT NOT NULL", "VARCHAR(5) NOT NULL", "CHAR(5) NOT NULL", "TEXT NOT NULL",
	"BINARY(5) NOT NULL", "VARBINARY(5) NOT NULL", "BLOB NOT NULL", "BIT(5) NOT NULL", "JSON NOT NULL", "DATE NOT NULL", "DATETIME(3) NOT NULL", "TIME(2) NOT NULL", "YEAR NOT NULL",
	"TIMESTAMP NOT NULL", "ENUM('b','a') NOT NULL", "SET('x','y') NOT NULL", "BOOL NOT NULL", "INT ZEROFILL NOT NULL",
	"INT DEFAULT '7'", "INT DEFAULT 1.5", "INT DEFAULT '1.5'", "DECIMAL(5,1) DEFAULT 1.25", "DECIMAL(5,1) DEFAULT '1.25'", "DECIMAL(5,1) DEFAULT -1.25", "DECIMAL(5,1) DEFAULT 1e1",
	"TIME DEFAULT '10:20:30.6'", "DATETIME DEFAULT '2024-01-01 00:00:00.7'", "DATETIME(1) DEFAULT '2024-01-01 00:00:00.77'", "TIMESTAMP NULL DEFAULT '2024-01-01 00:00:00.7'",
	"DATE DEFAULT '2024-01-01 23:59:59.9'", "DATETIME DEFAULT '2024-01-01 00:00:00.000'", "DATETIME(6) DEFAULT '2024-01-01'", "DATE DEFAULT 20240102", "TIMESTAMP NULL DEFAULT 20240102030405",
	"TIME DEFAULT 102030", "TIME DEFAULT '1 10:20'", "TIME DEFAULT '10:20'", "DATETIME DEFAULT '2024-1-2'", "DATE DEFAULT (CURRENT_DATE)", "DATETIME DEFAULT CURRENT_TIMESTAMP",
	"YEAR DEFAULT 70", "YEAR DEFAULT '69'", "YEAR DEFAULT 0", "YEAR DEFAULT '0'", "YEAR DEFAULT '0000'", "YEAR DEFAULT 2024", "FLOAT DEFAULT 1.23456789", "DOUBLE DEFAULT 1e20", "DOUBLE DEFAULT -1.5e-3",
	"BIGINT DEFAULT 1e3", "BIGINT DEFAULT '1e3'", "VARCHAR(9) DEFAULT 12", "VARCHAR(9) DEFAULT 1.50", "VARCHAR(30) DEFAULT 1e20", "CHAR(5) DEFAULT 'a  '", "VARCHAR(5) DEFAULT 'a  '",
	"BINARY(5) DEFAULT 'ab'", "VARBINARY(5) DEFAULT x'ff00'", "BIT(9) DEFAULT b'101'", "BIT(9) DEFAULT 5", "BIT(9) DEFAULT 'a'", "ENUM('a','b') DEFAULT 'b'", "ENUM('2','1') DEFAULT '1'",
	"SET('x','y') DEFAULT 'y,x'", "BOOL DEFAULT TRUE", "INT DEFAULT b'11'", "VARCHAR(5) DEFAULT x'4142'", "VARCHAR(5) DEFAULT b'1000001'", "INT DEFAULT -5", "VARCHAR(5) DEFAULT TRUE",
	"VARCHAR(20) DEFAULT 'äöü 1e5 x'", "VARCHAR(5) DEFAULT N'x'", `VARCHAR(5) DEFAULT 'a\nb'`,
}

// TestDefaultsOfServers: rows that are there get the same value on both servers in a
// new column, unless otherDefault tells them apart.
func TestDefaultsOfServers(t *testing.T) {
	testbed.SkipIfShort(t)
	defaultsOfServers(t, servers.MariaDB(t), servers.TiDB(t))
}

func defaultsOfServers(t *testing.T, one, other *testbed.Server) {
	t.Helper()
	maria, tidb := one.Name == "mariadb" || other.Name == "mariadb", one.Name == "tidb" || other.Name == "tidb"
	apart, compared := 0, 0
	t.Cleanup(func() {
		for _, s := range []*testbed.Server{one, other} {
			_ = s.Exec(context.Background(), "DROP DATABASE IF EXISTS added")
		}
	})
	for _, def := range addedColumns {
		var got [2]string
		accepted := true
		for i, s := range []*testbed.Server{one, other} {
			value, err := withColumn(t.Context(), s, def)
			if answer := (*mysql.MySQLError)(nil); errors.As(err, &answer) {
				accepted = false // which pauses the task anyhow
			} else if err != nil {
				t.Fatal(err)
			}
			got[i] = value
		}
		node, err := parser.New().ParseOneStmt("ALTER TABLE t ADD c "+def, "", "")
		if err != nil || !accepted {
			continue
		}
		told := otherDefault(node.(*ast.AlterTableStmt).Specs[0].NewColumns[0], maria, tidb)
		if compared++; got[0] != got[1] && !told {
			t.Errorf("%s: %q and %q", def, got[0], got[1])
		} else if told {
			apart++
		}
	}
	if t.Logf("%d compared, %d told apart", compared, apart); compared < 50 || apart > 15 {
		t.Errorf("too few are compared, or too many told apart")
	}
}

// withColumn adds a column to a table with a row, and gives its value there.
func withColumn(ctx context.Context, s *testbed.Server, def string) (string, error) {
	conn, err := s.Session(ctx)
	if err != nil {
		return "", err
	}
	defer discard(conn)
	for _, q := range []string{"SET NAMES utf8mb4, sql_mode = 'STRICT_TRANS_TABLES', timestamp = 1700000000.25, time_zone = '+00:00'", "CREATE DATABASE IF NOT EXISTS added", "USE added",
		"DROP TABLE IF EXISTS e", "CREATE TABLE e (id INT PRIMARY KEY)", "INSERT INTO e VALUES (1)", "ALTER TABLE e ADD c " + def} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return "", err
		}
	}
	show := "c"
	if strings.HasPrefix(def, "FLOAT") {
		show = "c * 1e0" // which is printed in full
	}
	var value sql.NullString
	err = conn.QueryRowContext(ctx, "SELECT "+show+" FROM e").Scan(&value)
	return value.String, err
}
