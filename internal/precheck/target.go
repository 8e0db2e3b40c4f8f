package precheck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// target is a task's target and what it knows.
type target struct {
	db                   *dbconn.DB
	charsets, collations map[string]bool // by plainUTF8
	tables               map[schema.Name]bool
}

// openTarget connects and asks what the checks of the sources have to know.
func openTarget(ctx context.Context, sub *config.Subtask) (*target, error) {
	db, err := open(ctx, fault.Downstream, sub.Target)
	if err != nil {
		return nil, unopened("check task="+sub.Task+" target", err)
	}
	d := &target{db: db, tables: map[schema.Name]bool{}}
	if err := d.ask(ctx); err != nil {
		db.Close()
		return nil, fault.Wrap("check task="+sub.Task+" target", err)
	}
	return d, nil
}

func (d *target) ask(ctx context.Context) error {
	var err error
	if d.charsets, err = d.names(ctx, "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS"); err != nil {
		return err
	}
	if d.collations, err = d.names(ctx, "SELECT COLLATION_NAME FROM information_schema.COLLATIONS"); err != nil {
		return err
	}
	// Those of MariaDB that serve several character sets.
	full, err := d.names(ctx, "SELECT FULL_COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY")
	const unknownColumn = 1054
	if err != nil && !isNumber(err, unknownColumn) {
		return err
	}
	for name := range full {
		d.collations[name] = true
	}
	rows, err := d.db.QueryContext(ctx, "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES")
	if err != nil {
		return dbconn.Error(fault.Downstream, "list the tables of the target", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n schema.Name
		if err := rows.Scan(&n.Schema, &n.Table); err != nil {
			return dbconn.Error(fault.Downstream, "list the tables of the target", err)
		}
		d.tables[d.key(n.Schema, n.Table)] = true
	}
	return dbconn.Error(fault.Downstream, "list the tables of the target", rows.Err())
}

// names reads a list of names of character sets or collations.
func (d *target) names(ctx context.Context, query string) (map[string]bool, error) {
	list, err := firstColumn(ctx, d.db, query)
	if err != nil {
		return nil, dbconn.Error(fault.Downstream, "list character sets and collations", err)
	}
	out := make(map[string]bool, len(list))
	for _, name := range list {
		out[plainUTF8(name)] = true
	}
	return out, nil
}

// key writes a table's name as the target compares it.
func (d *target) key(schemaName, table string) schema.Name {
	if d.db.Server.LowerCaseTableNames != 0 {
		schemaName, table = strings.ToLower(schemaName), strings.ToLower(table)
	}
	return schema.Name{Schema: schemaName, Table: table}
}

// has tells whether the target has a table already.
func (d *target) has(schemaName, table string) bool { return d.tables[d.key(schemaName, table)] }

// checkTarget proves that the user of the target may keep the task's state in the
// meta schema and write the tables of the task.
func (d *target) check(ctx context.Context, sub *config.Subtask, written []schema.Name) []Result {
	return run(ctx, checkLimit, []check{
		{"target db meta schema checker", "check whether the meta schema of the target can be written",
			func(ctx context.Context) finding { return metaPrivileges(ctx, d.db, sub.MetaSchema) }},
		{"target db privilege checker", "check privileges of target DB",
			func(ctx context.Context) finding { return d.writePrivileges(ctx, sub, written) }},
	}, addressOf(sub.Target))
}

// writePrivileges compares the user's grants with what rows and statements need.
// What only a DDL would need later is a warning.
func (d *target) writePrivileges(ctx context.Context, sub *config.Subtask, written []schema.Name) finding {
	if sub.Mode == config.ModeDump || len(written) == 0 {
		return finding{}
	}
	gs, err := readGrants(ctx, d.db)
	if err != nil {
		return unanswered(dbconn.Error(fault.Downstream, "read the user's grants", err))
	}
	must, may := []string{"SELECT", "INSERT", "UPDATE", "DELETE"}, []string{"CREATE", "DROP", "ALTER", "INDEX"}
	if sub.Mode == config.ModeFull {
		must, may = []string{"SELECT", "INSERT"}, nil
	}
	var f finding
	for _, name := range schemasOf(written) {
		add := func(severity State, privileges []string, instruction string) {
			if len(privileges) > 0 {
				list := strings.Join(privileges, ",")
				f.details = append(f.details, Detail{Severity: severity, ShortErr: fmt.Sprintf("lack of %s privilege on schema %s of the target", list, dbconn.Ident(name)),
					Instruction: fmt.Sprintf("GRANT %s ON %s.* TO %s;%s", list, dbconn.Ident(name), gs.user, instruction)})
			}
		}
		needed := slices.Clone(must)
		if slices.ContainsFunc(written, func(n schema.Name) bool { return n.Schema == name && !d.has(n.Schema, n.Table) }) && sub.Mode != config.ModeIncremental {
			needed = append(needed, "CREATE")
		}
		add(Failed, gs.lacking(needed, name, written), "")
		add(Warning, gs.lacking(slices.DeleteFunc(slices.Clone(may), func(p string) bool { return slices.Contains(needed, p) }), name, written),
			" without it the first DDL that needs it pauses the task")
	}
	return f
}

// lacking lists the privileges that one of the tables of a schema lacks.
func (gs grants) lacking(privileges []string, schemaName string, tables []schema.Name) []string {
	var out []string
	for _, p := range privileges {
		if slices.ContainsFunc(tables, func(n schema.Name) bool {
			return n.Schema == schemaName && len(gs.missing([]need{{privilege: p, schema: n.Schema, table: n.Table}})) > 0
		}) {
			out = append(out, p)
		}
	}
	return out
}

// schemasOf lists the schemas of tables, sorted.
func schemasOf(tables []schema.Name) []string {
	seen := map[string]bool{}
	for _, n := range tables {
		seen[n.Schema] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

func metaPrivileges(ctx context.Context, db *dbconn.DB, metaSchema string) finding {
	gs, err := readGrants(ctx, db)
	if err != nil {
		return unanswered(dbconn.Error(fault.Downstream, "read the user's grants", err))
	}
	var needs []need
	for _, p := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP"} {
		needs = append(needs, need{privilege: p, schema: metaSchema})
	}
	missing := gs.missing(needs)
	if len(missing) == 0 {
		return finding{}
	}
	list := strings.Join(missing, ",")
	return failed(fmt.Sprintf("GRANT %s ON %s.* TO %s;", list, dbconn.Ident(metaSchema), gs.user),
		"lack of %s privilege on meta schema %s", list, dbconn.Ident(metaSchema))
}
