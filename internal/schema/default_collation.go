package schema

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
)

// SetDefaultCollations tells which collation a statement means that names a
// character set and no collation, by character set, where that is not what it is
// on a MySQL 5.7: utf8mb4_0900_ai_ci for utf8mb4 since 8.0. Structures that a
// server prints name such collations and need no telling.
func (t *Tracker) SetDefaultCollations(byCharset map[string]string) {
	t.collations = map[string]string{}
	for charset, collate := range byCharset {
		t.collations[oneUTF8(strings.ToLower(charset))] = strings.ToLower(collate)
	}
}

// NameCollations writes into a statement of the source which character sets and
// collations it means, so that no default of another server takes their place. It
// tells whether any had to be written.
func (t *Tracker) NameCollations(defaultSchema string, stmt ast.StmtNode) bool {
	c := &change{Tracker: t, defaultSchema: defaultSchema, all: true}
	switch s := stmt.(type) {
	case *ast.CreateDatabaseStmt:
		if !slices.ContainsFunc(s.Options, func(o *ast.DatabaseOption) bool {
			return o.Tp == ast.DatabaseOptionCharset || o.Tp == ast.DatabaseOptionCollate
		}) {
			charset, collate := c.server.resolve()
			s.Options = append(s.Options, &ast.DatabaseOption{Tp: ast.DatabaseOptionCharset, Value: charset}, &ast.DatabaseOption{Tp: ast.DatabaseOptionCollate, Value: collate})
			c.named = true
		}
	case *ast.CreateTableStmt:
		if s.ReferTable == nil && !slices.ContainsFunc(s.Options, func(o *ast.TableOption) bool {
			return o.Tp == ast.TableOptionCharset || o.Tp == ast.TableOptionCollate
		}) {
			charset, collate := c.schemaCharset(c.nameOf(s.Table).Schema).resolve()
			s.Options = append(s.Options, &ast.TableOption{Tp: ast.TableOptionCharset, StrValue: charset}, &ast.TableOption{Tp: ast.TableOptionCollate, StrValue: collate})
			c.named = true
		}
	}
	c.nameCollations(stmt)
	return c.named
}

// DefaultCollation is the collation that SHOW CREATE means by a character set alone.
func DefaultCollation(charset string) string {
	_, collate := charsets{charset: strings.ToLower(charset)}.resolve()
	return collate
}

// nameCollations writes the collations into a statement that it means, where they
// are not the usual ones.
func (c *change) nameCollations(stmt ast.StmtNode) {
	if len(c.collations) == 0 && !c.all {
		return
	}
	switch s := stmt.(type) {
	case *ast.CreateDatabaseStmt:
		s.Options = c.schemaCollation(s.Options)
	case *ast.AlterDatabaseStmt:
		s.Options = c.schemaCollation(s.Options)
	case *ast.CreateTableStmt:
		s.Options = c.tableCollation(s.Options)
		c.columnCollations(s.Cols)
	case *ast.AlterTableStmt:
		for _, spec := range s.Specs {
			spec.Options = c.tableCollation(spec.Options)
			c.columnCollations(spec.NewColumns)
		}
	}
}

// meant gives the collation that a character set stands for, "" when it is the
// usual one and not all are to be named.
func (c *change) meant(charset string) string {
	collate := c.collations[oneUTF8(strings.ToLower(charset))]
	if collate == "" && c.all && charset != "" {
		collate = DefaultCollation(charset)
	}
	return collate
}

func (c *change) schemaCollation(options []*ast.DatabaseOption) []*ast.DatabaseOption {
	collate := ""
	for _, o := range options {
		switch o.Tp {
		case ast.DatabaseOptionCharset:
			collate = c.meant(o.Value)
		case ast.DatabaseOptionCollate:
			return options
		}
	}
	if collate == "" {
		return options
	}
	c.named = true
	return append(options, &ast.DatabaseOption{Tp: ast.DatabaseOptionCollate, Value: collate})
}

func (c *change) tableCollation(options []*ast.TableOption) []*ast.TableOption {
	collate := ""
	for _, o := range options {
		switch o.Tp {
		case ast.TableOptionCharset:
			if collate = c.meant(o.StrValue); o.Default {
				charset, _ := c.schemaCharset(c.defaultSchema).resolve()
				collate = c.meant(charset)
			}
		case ast.TableOptionCollate:
			return options
		}
	}
	if collate == "" {
		return options
	}
	c.named = true
	return append(options, &ast.TableOption{Tp: ast.TableOptionCollate, StrValue: collate})
}

func (c *change) columnCollations(columns []*ast.ColumnDef) {
	for _, def := range columns {
		if def.Tp == nil || mysql.HasBinaryFlag(def.Tp.GetFlag()) {
			continue
		}
		collate := c.meant(def.Tp.GetCharset())
		for _, o := range def.Options {
			if o.Tp == ast.ColumnOptionCollate {
				collate = ""
			}
		}
		if collate != "" {
			c.named = true
			def.Options = append(def.Options, &ast.ColumnOption{Tp: ast.ColumnOptionCollate, StrValue: collate})
		}
	}
}

// ReadDefaultCollations reads what a MariaDB has in character_set_collations.
func ReadDefaultCollations(variable string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(variable, ",") {
		if charset, collate, ok := strings.Cut(strings.TrimSpace(pair), "="); ok {
			out[charset] = collate
		}
	}
	return out
}
