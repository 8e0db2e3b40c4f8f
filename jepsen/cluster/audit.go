package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/jepsen/history"
)

// auditSchema is where the target keeps the book.
const auditSchema = "jepsen_audit"

// lifeShift parts a connection's number: below is the server's, above is in
// which of the server's lives, since servers count from 1 in each.
const lifeShift = 32

// writeAuditInit writes what a MariaDB target executes at every start, before
// it takes connections: a new life begins.
func writeAuditInit(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	statements := []string{
		"CREATE DATABASE IF NOT EXISTS " + auditSchema,
		"CREATE TABLE IF NOT EXISTS " + auditSchema + ".lives (n INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB",
		"CREATE TABLE IF NOT EXISTS " + auditSchema + ".commits (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY," +
			" task VARCHAR(64), source VARCHAR(64), lane INT, epoch BIGINT UNSIGNED, conn BIGINT UNSIGNED," +
			" at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6)) ENGINE=InnoDB",
		"INSERT INTO " + auditSchema + ".lives VALUES (NULL)",
	}
	path := filepath.Join(dir, "audit.sql")
	return path, os.WriteFile(path, []byte(strings.Join(statements, ";\n")+";\n"), 0o644)
}

// Audited tells whether the target keeps the book; TiDB has no triggers.
func (c *Cluster) Audited() bool { return !c.cfg.TiDB }

// auditTask makes the target note every write of a task's lane rows, in the
// transaction that writes it.
func (c *Cluster) auditTask(ctx context.Context, task string) error {
	if !c.Audited() {
		return nil
	}
	lanes := dbconn.Ident("dm_meta", task+"_raftdm_lane")
	for _, when := range []string{"INSERT", "UPDATE"} {
		err := c.Target.Exec(ctx, fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH ROW"+
			" INSERT INTO %s.commits (task, source, lane, epoch, conn) VALUES ('%s', NEW.source, NEW.lane, NEW.epoch,"+
			" (SELECT MAX(n) FROM %s.lives) * %d + CONNECTION_ID())",
			dbconn.Ident("dm_meta", "jepsen_"+strings.ToLower(when)+"_"+task), when, lanes, auditSchema, task, auditSchema, uint64(1)<<lifeShift))
		if err != nil {
			return err
		}
	}
	return nil
}

// Owner tells which worker opened a connection of the target, by the number
// that the book has for it.
func (c *Cluster) Owner(conn uint64) (worker string, ok bool) {
	return c.target.Owner(int(conn>>lifeShift), conn&(1<<lifeShift-1))
}

// Audit reads the book.
func (c *Cluster) Audit(ctx context.Context) (history.AuditLog, error) {
	var out history.AuditLog
	rows, err := c.Target.DB().QueryContext(ctx, "SELECT id, task, source, lane, epoch, conn FROM "+auditSchema+".commits ORDER BY id")
	if err != nil {
		return out, err
	}
	defer rows.Close()
	for rows.Next() {
		var r history.AuditRow
		if err := rows.Scan(&r.ID, &r.Task, &r.Source, &r.Lane, &r.Epoch, &r.Conn); err != nil {
			return out, err
		}
		r.Worker, _ = c.Owner(r.Conn)
		out.Rows = append(out.Rows, r)
	}
	return out, rows.Err()
}
