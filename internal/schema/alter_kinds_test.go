package schema

import (
	"go/ast"
	"go/build"
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"strings"
	"testing"

	sql "github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/fault"
)

// alterKinds says for each kind of clause of an ALTER TABLE that the SQL parser
// knows, by its name in package ast: an example, and the definition of the table
// behind it. "same" is one that changes nothing of the structure. "target" is one
// without a rule: the structure behind it is read from the target. "" as example
// is one that no statement makes.
func alterKinds() map[string]struct{ clause, want string } {
	const before = "`id` int NOT NULL,`x` int,`y` varbinary(9),PRIMARY KEY (`id`),KEY `k` (`x`),UNIQUE KEY `u` (`y`)"
	changed := func(old, new string) string { return strings.Replace(before, old, new, 1) }
	return map[string]struct{ clause, want string }{
		"AlterTableOption":            {"CONVERT TO CHARACTER SET latin1", before + ") DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci"},
		"AlterTableAddColumns":        {"ADD COLUMN z INT AFTER id", changed("`x` int", "`z` int,`x` int")},
		"AlterTableAddConstraint":     {"ADD UNIQUE v (x)", before + ",UNIQUE KEY `v` (`x`)"},
		"AlterTableDropColumn":        {"DROP COLUMN x", "`id` int NOT NULL,`y` varbinary(9),PRIMARY KEY (`id`),UNIQUE KEY `u` (`y`)"},
		"AlterTableDropPrimaryKey":    {"DROP PRIMARY KEY", changed("PRIMARY KEY (`id`),", "")},
		"AlterTableDropIndex":         {"DROP INDEX k", changed("KEY `k` (`x`),", "")},
		"AlterTableDropForeignKey":    {"DROP FOREIGN KEY f", "same"},
		"AlterTableModifyColumn":      {"MODIFY COLUMN x BIGINT", changed("`x` int", "`x` bigint")},
		"AlterTableChangeColumn":      {"CHANGE COLUMN x z BIGINT FIRST", "`z` bigint,`id` int NOT NULL,`y` varbinary(9),PRIMARY KEY (`id`),KEY `k` (`z`),UNIQUE KEY `u` (`y`)"},
		"AlterTableRenameColumn":      {"RENAME COLUMN x TO z", strings.ReplaceAll(before, "`x`", "`z`")},
		"AlterTableRenameTable":       {"RENAME TO b", before},
		"AlterTableAlterColumn":       {"ALTER COLUMN x SET DEFAULT 5", changed("`x` int", "`x` int DEFAULT 5")},
		"AlterTableRenameIndex":       {"RENAME INDEX k TO l", changed("`k`", "`l`")},
		"AlterTableDropCheck":         {"DROP CONSTRAINT u", changed(",UNIQUE KEY `u` (`y`)", "")},
		"AlterTableAlterCheck":        {"ALTER CHECK c NOT ENFORCED", "same"},
		"AlterTableIndexInvisible":    {"ALTER INDEX k INVISIBLE", "same"},
		"AlterTableLock":              {"LOCK = NONE", "same"},
		"AlterTableAlgorithm":         {"ALGORITHM = INSTANT", "same"},
		"AlterTableForce":             {"FORCE", "same"},
		"AlterTableEnableKeys":        {"ENABLE KEYS", "same"},
		"AlterTableDisableKeys":       {"DISABLE KEYS", "same"},
		"AlterTableWithValidation":    {"WITH VALIDATION", "same"},
		"AlterTableWithoutValidation": {"WITHOUT VALIDATION", "same"},
		"AlterTableSecondaryLoad":     {"SECONDARY_LOAD", "same"},
		"AlterTableSecondaryUnload":   {"SECONDARY_UNLOAD", "same"},
		"AlterTableOrderByColumns":    {"ORDER BY x", "same"},
		"AlterTableImportTablespace":  {"IMPORT TABLESPACE", "same"},
		"AlterTableDiscardTablespace": {"DISCARD TABLESPACE", "same"},
		// Where rows are, not what they look like.
		"AlterTablePartition":                  {"PARTITION BY HASH (id) PARTITIONS 2", "same"},
		"AlterTableAddPartitions":              {"ADD PARTITION (PARTITION p VALUES LESS THAN (5))", "same"},
		"AlterTableCoalescePartitions":         {"COALESCE PARTITION 2", "same"},
		"AlterTableDropPartition":              {"DROP PARTITION p", "same"},
		"AlterTableTruncatePartition":          {"TRUNCATE PARTITION p", "same"},
		"AlterTableRemovePartitioning":         {"REMOVE PARTITIONING", "same"},
		"AlterTableRebuildPartition":           {"REBUILD PARTITION p", "same"},
		"AlterTableReorganizePartition":        {"REORGANIZE PARTITION p INTO (PARTITION q VALUES LESS THAN (5))", "same"},
		"AlterTableCheckPartitions":            {"CHECK PARTITION p", "same"},
		"AlterTableExchangePartition":          {"EXCHANGE PARTITION p WITH TABLE b", "same"},
		"AlterTableOptimizePartition":          {"OPTIMIZE PARTITION p", "same"},
		"AlterTableRepairPartition":            {"REPAIR PARTITION p", "same"},
		"AlterTableImportPartitionTablespace":  {"IMPORT PARTITION p TABLESPACE", "same"},
		"AlterTableDiscardPartitionTablespace": {"DISCARD PARTITION p TABLESPACE", "same"},
		// What only a TiDB has, which is no source.
		"AlterTableWriteable":                     {"READ ONLY", "target"},
		"AlterTablePartitionAttributes":           {"PARTITION p ATTRIBUTES = DEFAULT", "target"},
		"AlterTablePartitionOptions":              {"PARTITION p PLACEMENT POLICY = x", "target"},
		"AlterTableSetTiFlashReplica":             {"SET TIFLASH REPLICA 1", "target"},
		"AlterTableAddStatistics":                 {"ADD STATS_EXTENDED s CARDINALITY (x, y)", "target"},
		"AlterTableDropStatistics":                {"DROP STATS_EXTENDED s", "target"},
		"AlterTableAttributes":                    {"ATTRIBUTES = DEFAULT", "target"},
		"AlterTableCache":                         {"CACHE", "target"},
		"AlterTableNoCache":                       {"NOCACHE", "target"},
		"AlterTableStatsOptions":                  {"STATS_OPTIONS = DEFAULT", "target"},
		"AlterTableDropFirstPartition":            {"FIRST PARTITION LESS THAN (5)", "target"},
		"AlterTableAddLastPartition":              {"LAST PARTITION LESS THAN (5)", "target"},
		"AlterTableReorganizeFirstPartition":      {"MERGE FIRST PARTITION LESS THAN (5)", "target"},
		"AlterTableReorganizeLastPartition":       {"SPLIT MAXVALUE PARTITION LESS THAN (5)", "target"},
		"AlterTableRemoveTTL":                     {"REMOVE TTL", "target"},
		"AlterTableSplitIndex":                    {"SPLIT PRIMARY KEY BETWEEN (1) AND (5) REGIONS 2", "target"},
		"AlterTableAddMaskingPolicy":              {"ADD MASKING POLICY m ON (x) AS 1", "target"},
		"AlterTableEnableMaskingPolicy":           {"ENABLE MASKING POLICY m", "target"},
		"AlterTableDisableMaskingPolicy":          {"DISABLE MASKING POLICY m", "target"},
		"AlterTableDropMaskingPolicy":             {"DROP MASKING POLICY m", "target"},
		"AlterTableModifyMaskingPolicyExpression": {"MODIFY MASKING POLICY m SET EXPRESSION = 1", "target"},
		"AlterTableModifyMaskingPolicyRestrictOn": {"MODIFY MASKING POLICY m SET RESTRICT ON NONE", "target"},
		"__DEPRECATED_AlterTableAlterPartition":   {},
		"__DEPRECATED_AlterTablePlacement":        {},
	}
}

// TestEveryAlterTableHasARule goes through the kinds of clauses that the SQL
// parser has constants for: a new version of it may not bring one that nobody has
// decided about.
func TestEveryAlterTableHasARule(t *testing.T) {
	const create = "CREATE TABLE a (id INT PRIMARY KEY, x INT, y VARBINARY(9), KEY k (x), UNIQUE u (y))"
	kinds, names := alterKinds(), alterTypes(t)
	for name := range kinds {
		if _, known := names[name]; !known {
			t.Errorf("%s is no kind of the SQL parser", name)
		}
	}
	for name, tp := range names {
		c, decided := kinds[name]
		if !decided {
			t.Errorf("no rule and no decision for %s", name)
		}
		if c.clause == "" {
			continue
		}
		tracker := NewTracker("", false)
		applied(t, tracker, create)
		before, err := tracker.Table(Name{"d", "a"})
		if err != nil {
			t.Fatal(err)
		}
		stmt := statement(t, "ALTER TABLE a "+c.clause)
		alter, ok := stmt.(*sql.AlterTableStmt)
		if !ok || len(alter.Specs) != 1 || alter.Specs[0].Tp != tp {
			t.Errorf("%s is no example of %s", c.clause, name)
			continue
		}
		changed, err := tracker.Apply("d", stmt)
		if c.want == "target" {
			if !fault.Is(err, fault.Unsupported) {
				t.Errorf("%s: %v, want that it is refused", c.clause, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.clause, err)
			continue
		}
		after, err := tracker.Table(changed[len(changed)-1])
		if err != nil {
			t.Fatal(err)
		}
		got := strings.NewReplacer(", ", ",", " )", ")").Replace(strings.Join(strings.Fields(after.CreateSQL), " "))
		if same := after.CreateSQL == before.CreateSQL; same != (c.want == "same") || !same && !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.clause, got, c.want)
		}
	}
}

// alterTypes reads the constants of type AlterTableType from the parser's source.
func alterTypes(t *testing.T) map[string]sql.AlterTableType {
	t.Helper()
	pkg, err := build.Import("github.com/pingcap/tidb/pkg/parser/ast", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(gotoken.NewFileSet(), filepath.Join(pkg.Dir, "ddl.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]sql.AlterTableType{}
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != gotoken.CONST || group.Specs[0].(*ast.ValueSpec).Names[0].Name != "AlterTableOption" {
			continue
		}
		for i, s := range group.Specs {
			out[s.(*ast.ValueSpec).Names[0].Name] = sql.AlterTableType(i + 1)
		}
	}
	if len(out) < 60 || out["AlterTableIndexInvisible"] != sql.AlterTableIndexInvisible {
		t.Fatalf("%d kinds were found: %v", len(out), out)
	}
	return out
}
