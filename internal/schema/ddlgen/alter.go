package ddlgen

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/schema"
)

func (g *Gen) alter(t *schema.Table, tables []*schema.Table) string {
	head := "ALTER TABLE " + g.name(t) + " "
	if g.chance(6) {
		return head + g.partition(t, tables)
	}
	n := 1
	if g.chance(2) {
		n += g.Rand.IntN(3)
	}
	var clauses []string
	for range n {
		clauses = append(clauses, g.clause(t))
	}
	if g.chance(8) {
		clauses = append(clauses, g.recode())
	}
	if g.chance(12) {
		clauses = append(clauses, "RENAME TO "+g.newTable())
	}
	return head + strings.Join(clauses, ", ")
}

func (g *Gen) clause(t *schema.Table) string {
	switch g.Rand.IntN(10) {
	case 0, 1, 2, 3, 4:
		return g.columnClause(t)
	case 5, 6, 7:
		return g.indexClause(t)
	}
	return g.tableClause()
}

func (g *Gen) columnClause(t *schema.Table) string {
	c := g.anyColumn(t)
	switch g.Rand.IntN(12) {
	case 0, 1:
		return "ADD " + g.opt("COLUMN ") + g.fresh("c") + " " + g.column(t) + g.position(t)
	case 2:
		return "ADD COLUMN IF NOT EXISTS " + pickOf(g, c, g.fresh("c")) + " " + g.column(nil) + g.position(t)
	case 3:
		u := g.fresh("c")
		return fmt.Sprintf("ADD (%s %s, %s INT, %sKEY (%s))", g.fresh("c"), g.column(t), u, g.opt("UNIQUE "), u)
	case 4, 5:
		return "DROP " + g.opt("COLUMN ") + c
	case 6:
		return "DROP COLUMN IF EXISTS " + pickOf(g, c, "nothing")
	case 7:
		return "MODIFY " + c + " " + g.column(nil) + g.position(t)
	case 8:
		return "CHANGE " + c + " " + pickOf(g, c, g.fresh("c")) + " " + g.column(nil) + g.position(t)
	case 9:
		return "RENAME COLUMN " + c + " TO " + g.fresh("c")
	case 10:
		return "ALTER COLUMN " + c + pickOf(g, " SET DEFAULT 1", " SET DEFAULT 'x'", " DROP DEFAULT")
	}
	if d := g.anyColumn(t); c != d && !g.Simple {
		return fmt.Sprintf("RENAME COLUMN %s TO %s, RENAME COLUMN %s TO %s", c, d, d, c)
	}
	return "ADD " + g.fresh("c") + " " + g.column(t) + " FIRST"
}

func (g *Gen) position(t *schema.Table) string {
	switch g.Rand.IntN(4) {
	case 0:
		return " FIRST"
	case 1:
		return " AFTER " + g.anyColumn(t)
	}
	return ""
}

func (g *Gen) anyColumn(t *schema.Table) string { return quote(pick(g, t.Columns).Name) }

// column makes a type with its attributes; a generated one where t has a column for it.
func (g *Gen) column(t *schema.Table) string {
	if t != nil && g.chance(8) {
		for _, c := range t.Columns {
			if c.Type == "int" && !c.Generated { // HEX is at ease with whatever the column becomes
				return "VARCHAR(255) " + g.opt("GENERATED ALWAYS ") + "AS (HEX(" + quote(c.Name) + ")) " + pickOf(g, "VIRTUAL", "STORED")
			}
		}
	}
	text := ""
	switch g.Rand.IntN(9) {
	case 0, 1:
		text = pickOf(g, "INT", "BIGINT UNSIGNED", "TINYINT(1)", "SMALLINT", "MEDIUMINT UNSIGNED", "BOOL", "INTEGER", "INT(5) ZEROFILL") + g.null() + g.opt(" DEFAULT 7")
	case 2:
		text = pickOf(g, "DECIMAL(20,4)", "NUMERIC", "DEC(9)", "DECIMAL", "DOUBLE", "FLOAT", "DOUBLE PRECISION", "REAL", "FLOAT(30)") + g.null() + g.opt(" DEFAULT 1.5")
	case 3, 4:
		text = pickOf(g, "VARCHAR(20)", "CHAR(7)", "CHARACTER VARYING(9)", "CHAR") + g.textCharset() + g.null() + g.opt(` DEFAULT 'x'`)
	case 5:
		text = pickOf(g, "TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "TEXT(100)", "TEXT(70000)") + g.textCharset() + g.null()
	case 6:
		text = pickOf(g, "BINARY(5)", "VARBINARY(9)", "BLOB", "LONGBLOB", "BLOB(300)", "BIT(9)", "BIT", "JSON") + g.opt(" NULL")
	case 7:
		text = pickOf(g, "DATETIME", "DATETIME(3)", "DATE", "TIME(2)", "YEAR", "TIMESTAMP NULL", "TIMESTAMP(6) NULL", "DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
			"DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6)", "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP")
	default:
		text = pickOf(g, "ENUM('a','b''c')", "SET('x','y','z')") + g.textCharset() + g.null()
	}
	text += g.opt(pickOf(g, "", "", " COMMENT 'it''s; \\\\ ä'"))
	if g.Simple {
		return text
	}
	return text + pickOf(g, "", "", "", "", "", "", "", "", " UNIQUE")
}

func (g *Gen) null() string { return pickOf(g, "", "", " NULL", " NOT NULL") }

func (g *Gen) textCharset() string {
	if g.Simple {
		return pickOf(g, "", "", " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", " COLLATE utf8mb4_general_ci")
	}
	return pickOf(g, "", "", "", " CHARACTER SET latin1", " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", " COLLATE utf8mb4_general_ci",
		" CHARSET ascii", " CHARACTER SET utf8", " CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
}

// charset makes a table's or schema's character set, or none.
func (g *Gen) charset() string {
	if g.chance(2) {
		return ""
	}
	return g.someCharset()
}

func (g *Gen) someCharset() string {
	if g.Simple {
		return pickOf(g, " CHARSET utf8mb4", " COLLATE utf8mb4_bin", " DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
	}
	return pickOf(g, " CHARACTER SET latin1", " CHARSET utf8mb4", " COLLATE utf8mb4_bin", " DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
		" CHARSET=latin1 COLLATE=latin1_bin")
}

func (g *Gen) index(t *schema.Table) string {
	var names []string
	for _, x := range t.Indexes {
		if !x.Primary {
			names = append(names, quote(x.Name))
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return pick(g, names)
}

// parts makes the columns of an index.
func (g *Gen) parts(t *schema.Table) string {
	var out []string
	for range 1 + g.Rand.IntN(2) {
		c := pick(g, t.Columns)
		text := quote(c.Name)
		switch {
		case strings.HasSuffix(c.Type, "text"), strings.HasSuffix(c.Type, "blob"):
			text += "(4)"
		case strings.HasSuffix(c.Type, "char"):
			text += pickOf(g, "", "(3)")
		}
		if !g.Simple {
			text += pickOf(g, "", "", "", " DESC", " ASC")
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func (g *Gen) indexClause(t *schema.Table) string {
	switch g.Rand.IntN(11) {
	case 0, 1, 2:
		return "ADD " + g.opt("UNIQUE ") + pickOf(g, "INDEX ", "KEY ") + g.opt(g.fresh("i")+" ") + "(" + g.parts(t) + ")"
	case 3:
		return "ADD UNIQUE (" + g.parts(t) + ")"
	case 4:
		return "ADD CONSTRAINT " + g.fresh("u") + " UNIQUE (" + g.parts(t) + ")"
	case 5, 6:
		return "DROP " + pickOf(g, "INDEX ", "KEY ") + g.index(t)
	case 7:
		return "RENAME " + pickOf(g, "INDEX ", "KEY ") + g.index(t) + " TO " + g.fresh("i")
	case 8:
		return "DROP INDEX IF EXISTS " + pickOf(g, g.index(t), "nothing")
	}
	if g.Simple {
		return "ADD INDEX (" + g.parts(t) + ")"
	}
	switch g.Rand.IntN(4) {
	case 0:
		return "DROP PRIMARY KEY"
	case 1:
		return "DROP PRIMARY KEY, ADD PRIMARY KEY (" + g.parts(t) + ")"
	case 2:
		return "ADD CONSTRAINT CHECK (1 > 0)"
	}
	return "ADD PRIMARY KEY (" + g.parts(t) + ")"
}

// recode makes a clause about the table's character set, of which a statement
// has one: what a server makes of two depends on its version.
func (g *Gen) recode() string {
	if g.Simple {
		return pickOf(g, "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "COLLATE utf8mb4_unicode_ci")
	}
	return pickOf(g, "CONVERT TO CHARACTER SET utf8mb4", "CONVERT TO CHARACTER SET latin1", "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		"DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "CHARSET latin1", "COLLATE utf8mb4_unicode_ci")
}

func (g *Gen) tableClause() string {
	return pickOf(g, "COMMENT = 'x;''y'", "AUTO_INCREMENT = 50", "ENGINE = InnoDB", "ROW_FORMAT = DYNAMIC", "FORCE", "ALGORITHM = COPY", "ALGORITHM = DEFAULT, LOCK = DEFAULT")
}

func (g *Gen) partition(t *schema.Table, tables []*schema.Table) string {
	if g.chance(10) {
		return "EXCHANGE PARTITION p1 WITH TABLE " + g.name(pick(g, tables))
	}
	switch g.Rand.IntN(8) {
	case 0, 1:
		return strings.TrimSpace(g.partitionBy())
	case 2:
		return fmt.Sprintf("ADD PARTITION (PARTITION %s VALUES LESS THAN (%d))", g.fresh("p"), 1000+g.n)
	case 3:
		return "DROP PARTITION p0"
	case 4:
		return "TRUNCATE PARTITION " + pickOf(g, "p0", "p1", "ALL")
	case 5:
		return "REORGANIZE PARTITION p1 INTO (PARTITION p1a VALUES LESS THAN (15), PARTITION p1 VALUES LESS THAN (20))"
	case 6:
		return pickOf(g, "COALESCE PARTITION 1", "ADD PARTITION PARTITIONS 1")
	}
	return "REMOVE PARTITIONING"
}
