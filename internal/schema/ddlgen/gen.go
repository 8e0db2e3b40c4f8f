package ddlgen

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/raftdm/raftdm/internal/schema"
)

// Gen makes statements about the tables of two schemas.
type Gen struct {
	Rand *rand.Rand
	// Schema is the session's default schema; Other is created, altered and dropped.
	Schema, Other string
	// Simple leaves out what TiDB does not execute: spatial and system features,
	// changes of primary keys and of a partitioned table's partitioning.
	Simple bool

	n int
}

// Statement makes one statement, given what there is now.
func (g *Gen) Statement(tables []*schema.Table) string {
	if len(tables) < 2 || len(tables) < 6 && g.chance(8) {
		return g.create(tables)
	}
	t := pick(g, tables)
	switch g.Rand.IntN(24) {
	case 0:
		return "DROP TABLE " + g.opt("IF EXISTS ") + g.name(t) + g.opt(", "+g.name(pick(g, tables)))
	case 1, 2, 3:
		return g.rename(tables)
	case 4:
		return "TRUNCATE TABLE " + g.name(t)
	case 5:
		return fmt.Sprintf("CREATE %sINDEX %s ON %s (%s)", g.opt("UNIQUE "), g.fresh("i"), g.name(t), g.parts(t))
	case 6:
		return fmt.Sprintf("DROP INDEX %s ON %s", g.index(t), g.name(t))
	case 7:
		return g.database()
	case 8:
		return fmt.Sprintf("CREATE TABLE %s LIKE %s", g.newTable(), g.name(t))
	}
	return g.alter(t, tables)
}

// name gives a table's name, qualified where it has to be and sometimes otherwise.
func (g *Gen) name(t *schema.Table) string {
	if t.Name.Schema == g.Schema && !g.chance(4) {
		return quote(t.Name.Table)
	}
	return quote(t.Name.Schema) + "." + quote(t.Name.Table)
}

func (g *Gen) newTable() string {
	if g.chance(6) {
		return quote(g.Other) + "." + g.fresh("t")
	}
	return g.fresh("t")
}

func (g *Gen) rename(tables []*schema.Table) string {
	a, b := pick(g, tables), pick(g, tables)
	if g.chance(3) && a != b { // swap
		tmp := g.fresh("tmp")
		return fmt.Sprintf("RENAME TABLE %s TO %s, %s TO %s, %s TO %s", g.name(a), tmp, g.name(b), g.name(a), tmp, g.name(b))
	}
	if g.chance(2) {
		return fmt.Sprintf("RENAME TABLE %s TO %s, %s TO %s", g.name(a), g.newTable(), g.name(b), g.newTable())
	}
	return fmt.Sprintf("RENAME TABLE %s TO %s", g.name(a), g.newTable())
}

func (g *Gen) database() string {
	cs := g.charset()
	switch g.Rand.IntN(6) {
	case 0:
		return "DROP DATABASE IF EXISTS " + quote(g.Other)
	case 1, 2, 3:
		return "CREATE DATABASE IF NOT EXISTS " + quote(g.Other) + cs
	case 4:
		return "ALTER DATABASE " + quote(g.Other) + g.someCharset()
	}
	return "ALTER DATABASE" + g.opt(" "+quote(g.Schema)) + g.someCharset()
}

func (g *Gen) create(tables []*schema.Table) string {
	if len(tables) > 0 && g.chance(4) {
		return fmt.Sprintf("CREATE TABLE %s LIKE %s", g.newTable(), g.name(pick(g, tables)))
	}
	var items []string
	key := g.Rand.IntN(4)
	switch key {
	case 0:
		items = append(items, "id "+pickOf(g, "INT", "BIGINT UNSIGNED")+" AUTO_INCREMENT PRIMARY KEY")
	case 1:
		items = append(items, "id INT", "k VARCHAR(20) "+g.textCharset(), "PRIMARY KEY (id, k)")
	case 2:
		items = append(items, "id INT NOT NULL", "UNIQUE KEY (id)")
	default:
		items = append(items, "id INT")
	}
	for range 1 + g.Rand.IntN(4) {
		items = append(items, g.fresh("c")+" "+g.column(nil))
	}
	text := "CREATE TABLE " + g.opt("IF NOT EXISTS ") + g.newTable() + " (" + strings.Join(items, ", ") + ")"
	if g.chance(3) {
		text += " COMMENT='a;b' "
	}
	text += g.charset()
	if key != 2 && g.chance(4) {
		text += g.partitionBy()
	}
	return text
}

func (g *Gen) partitionBy() string {
	return pickOf(g, " PARTITION BY HASH (id) PARTITIONS 3",
		" PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20), PARTITION p2 VALUES LESS THAN (1000))",
		" PARTITION BY LIST (id) (PARTITION p0 VALUES IN (1,2,3), PARTITION p1 VALUES IN (4,5,6))")
}

// chance is true once in n times.
func (g *Gen) chance(n int) bool { return g.Rand.IntN(n) == 0 }

// opt gives text half of the times.
func (g *Gen) opt(text string) string {
	if g.chance(2) {
		return text
	}
	return ""
}

func (g *Gen) fresh(prefix string) string {
	g.n++
	return fmt.Sprintf("%s%d", prefix, g.n)
}

func pick[T any](g *Gen, list []T) T { return list[g.Rand.IntN(len(list))] }

func pickOf(g *Gen, list ...string) string { return pick(g, list) }

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
