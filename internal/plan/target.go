package plan

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// downstream is what was read of the target.
type downstream struct {
	db      *dbconn.DB
	schemas map[string]bool
	tables  map[schema.Name]bool
	creates map[schema.Name]string // of the tables that are asked about
	holds   map[schema.Name]bool   // which of these have rows
}

// openTarget lists what the target has.
func openTarget(ctx context.Context, sub *config.Subtask) (*downstream, error) {
	db, err := dbconn.Open(ctx, fault.Downstream, sub.Target, dbconn.Options{MaxConns: connections, IOTimeout: ioLimit})
	if err != nil {
		return nil, err
	}
	d := &downstream{db: db, schemas: map[string]bool{}, tables: map[schema.Name]bool{}, creates: map[schema.Name]string{}, holds: map[schema.Name]bool{}}
	if err := d.list(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return d, nil
}

func (d *downstream) list(ctx context.Context) error {
	const op = "list the tables of the target"
	rows, err := d.db.QueryContext(ctx, "SELECT s.SCHEMA_NAME, COALESCE(t.TABLE_NAME, '') FROM information_schema.SCHEMATA s"+
		" LEFT JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.SCHEMA_NAME"+
		" WHERE s.SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema', 'INFORMATION_SCHEMA', 'PERFORMANCE_SCHEMA', 'METRICS_SCHEMA')")
	if err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	defer rows.Close()
	for rows.Next() {
		var n schema.Name
		if err := rows.Scan(&n.Schema, &n.Table); err != nil {
			return dbconn.Error(fault.Downstream, op, err)
		}
		d.schemas[d.fold(n.Schema)] = true
		if n.Table != "" {
			d.tables[d.key(n)] = true
		}
	}
	return dbconn.Error(fault.Downstream, op, rows.Err())
}

// fold writes a name as the target compares it.
func (d *downstream) fold(s string) string {
	if d.db.Server.LowerCaseTableNames != 0 {
		return strings.ToLower(s)
	}
	return s
}

func (d *downstream) key(n schema.Name) schema.Name {
	return schema.Name{Schema: d.fold(n.Schema), Table: d.fold(n.Table)}
}

// ask reads the structures of those of the tables that are there, and which of them hold rows.
func (d *downstream) ask(ctx context.Context, names []schema.Name) error {
	var there []schema.Name
	for _, n := range names {
		if d.tables[d.key(n)] {
			there = append(there, n)
		}
	}
	if err := readCreates(ctx, d.db, there, d.creates); err != nil {
		return err
	}
	holds := make([]bool, len(there))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(connections)
	for i, n := range there {
		g.Go(func() error {
			var one int
			err := d.db.QueryRowContext(gctx, "SELECT 1 FROM "+dbconn.Ident(n.Schema, n.Table)+" LIMIT 1").Scan(&one)
			holds[i] = err == nil
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return dbconn.Error(fault.Downstream, "look into the table on the target", err)
		})
	}
	err := g.Wait()
	for i, n := range there {
		d.holds[n] = holds[i]
	}
	return err
}

// begun tells whether the target has the state of an earlier run of the task.
func (d *downstream) begun(sub *config.Subtask) bool {
	for n := range d.tables {
		if n.Schema == d.fold(sub.MetaSchema) && strings.HasPrefix(n.Table, d.fold(sub.Task+"_raftdm_")) {
			return true
		}
	}
	return false
}
