package syncer

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// settled waits until TiDB works on no DDL job for a table. A TiDB goes on with
// a job whose session is gone, so the structure tells nothing while it runs.
// Other servers end a statement with its session, and the session's lock is
// free only then.
func (d *ddlRunner) settled(ctx context.Context, conn *sql.Conn, n schema.Name) error {
	if !d.db.Server.TiDB {
		return nil
	}
	wait := backoff{}
	for {
		job, err := d.runningJob(ctx, conn, n)
		if err != nil || job == "" {
			return err
		}
		d.trouble.set("ddl", &fault.Error{Kind: fault.Unavailable, Side: fault.Downstream,
			Msg:  fmt.Sprintf("DDL job %s of the target works on %s.%s", job, n.Schema, n.Table),
			Hint: "wait, or look at ADMIN SHOW DDL JOBS on the target"})
		if !wait.sleep(ctx, nil) {
			return ctx.Err()
		}
	}
}

// settledAll is settled for all tables of a statement, the watched one first.
func (d *ddlRunner) settledAll(ctx context.Context, conn *sql.Conn, one *ddl, watched schema.Name) error {
	for i, n := range append([]schema.Name{watched}, one.tables...) {
		if i > 0 && n == watched {
			continue
		}
		if err := d.settled(ctx, conn, one.onTarget(n)); err != nil {
			return err
		}
	}
	return nil
}

// runningJob gives the id of an unfinished DDL job for n, "" when there is none.
func (d *ddlRunner) runningJob(ctx context.Context, conn *sql.Conn, n schema.Name) (string, error) {
	rows, err := conn.QueryContext(ctx, "ADMIN SHOW DDL JOBS 30")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]sql.NullString, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return "", err
		}
		job := map[string]string{}
		for i, name := range names {
			job[strings.ToUpper(name)] = values[i].String
		}
		if ended(job["STATE"]) || strings.Contains(job["JOB_TYPE"], "subjob") || !strings.EqualFold(job["DB_NAME"], n.Schema) {
			continue
		}
		if n.Table == "" || strings.EqualFold(job["TABLE_NAME"], n.Table) {
			return job["JOB_ID"], nil
		}
	}
	return "", rows.Err()
}

// ended tells the states that a DDL job does not leave.
func ended(state string) bool {
	switch strings.ToLower(state) {
	case "synced", "cancelled", "rollback done":
		return true
	}
	return false
}
