package main

import (
	"fmt"
	"strings"
)

// kind is one kind of backlog. Its numbers are those of -scale 1.
type kind struct {
	name, what   string
	tables       int
	rows         int  // in each table, before the backlog
	fixed        bool // rows does not follow the scale
	transactions int
	perTxn       int // rows that a transaction changes, each of them really
	columns      string
	values       func(w *writer, id int) // appends the values of a row
	write        func(w *writer)         // appends the statements of a transaction
}

// kinds are the backlogs in the order in which they are measured. The first and
// the third have the sizes of the rates that DM's documents publish.
func kinds() []kind {
	const columns = "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k_1 (k)"
	sysbench := kind{tables: tables, rows: 25_000, columns: columns, values: sysbenchValues}
	of := func(name, what string, transactions, changes int, write func(*writer)) kind {
		k := sysbench
		k.name, k.what, k.transactions, k.perTxn, k.write = name, what, transactions, changes, write
		return k
	}
	insert := of("insert", "an INSERT of one row", 300_000, 1, writeInsert)
	insert.rows = 0
	update := of("update", "an UPDATE of one row", 200_000, 1, writeUpdate)
	mixed := of("mixed", "two UPDATEs, a DELETE and an INSERT, as sysbench oltp_write_only", 50_000, 4, writeMixed)
	wide := kind{name: "wide", what: "an INSERT or UPDATE of one row of 60 columns, 1 KiB", tables: tables, rows: 2_500,
		transactions: 50_000, perTxn: 1, columns: wideDefinitions(), values: wideValues, write: writeWide}
	hot := of("hot", "an UPDATE of one of 10 rows", 50_000, 1, writeUpdate)
	hot.tables, hot.rows, hot.fixed = 1, 10, true
	return []kind{insert, update, mixed, wide, hot}
}

// pick gives the kinds with these names.
func pick(names string) ([]kind, error) {
	var out []kind
	for _, name := range strings.Split(names, ",") {
		var known []string
		found := false
		for _, k := range kinds() {
			known = append(known, k.name)
			if k.name == strings.TrimSpace(name) {
				out, found = append(out, k), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no workload %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return out, nil
}

// scaled gives the kind with its numbers made smaller or greater.
func (k kind) scaled(by float64) kind {
	k.transactions = max(int(float64(k.transactions)*by), writers)
	if !k.fixed && k.rows > 0 {
		// Each writer has rows of its own, so that none waits for another.
		k.rows = max(int(float64(k.rows)*by), 20*writers)
	}
	return k
}

func sysbenchValues(w *writer, id int) {
	w.add("%d, %d, '", id, w.IntN(1<<30))
	w.digits(10)
	w.add("', '")
	w.digits(5)
	w.add("'")
}

func writeInsert(w *writer) {
	w.add("INSERT INTO %s (k, c, pad) VALUES (%d, '", w.table(), w.IntN(1<<30))
	w.digits(10)
	w.add("', '")
	w.digits(5)
	w.add("');")
}

func writeUpdate(w *writer) {
	if w.IntN(2) == 0 {
		w.add("UPDATE %s SET k = k + 1 WHERE id = %d;", w.table(), 1+w.IntN(w.rows))
		return
	}
	w.setC(w.table(), 1+w.IntN(w.rows))
}

// writeMixed changes rows of this writer only: no conflicts, so no repeats.
func writeMixed(w *writer) {
	t, moved := w.table(), w.own()
	w.add("BEGIN;UPDATE %s SET k = k + 1 WHERE id = %d;", t, w.own())
	w.setC(t, w.own())
	w.add("DELETE FROM %s WHERE id = %d;INSERT INTO %s VALUES (", t, moved, t)
	sysbenchValues(w, moved)
	w.add(");COMMIT;")
}

func (w *writer) setC(table string, id int) {
	w.add("UPDATE %s SET c = '", table)
	w.digits(10)
	w.add("' WHERE id = %d;", id)
}

// wideColumns are the types of a wide table's columns behind its key, how many
// of each, and a value.
var wideColumns = []struct {
	count      int
	definition string
	value      func(w *writer)
}{
	{12, "INT NOT NULL", func(w *writer) { w.add("%d", w.IntN(1<<31)) }},
	{8, "BIGINT", func(w *writer) { w.add("%d", w.Int64()) }},
	{6, "DECIMAL(20,4) NOT NULL", func(w *writer) { w.add("%d.%04d", w.IntN(1<<40), w.IntN(10_000)) }},
	{4, "DOUBLE", func(w *writer) { w.add("%d.25", w.IntN(1<<30)) }},
	{4, "DATETIME(3) NULL", func(w *writer) { w.moment(); w.back(); w.add(".%03d'", w.IntN(1000)) }},
	{4, "TIMESTAMP NULL", func(w *writer) { w.moment() }},
	{3, "DATE", func(w *writer) { w.add("'20%02d-%02d-%02d'", w.IntN(30), 1+w.IntN(12), 1+w.IntN(28)) }},
	{2, "TIME", func(w *writer) { w.add("'%02d:%02d:%02d'", w.IntN(24), w.IntN(60), w.IntN(60)) }},
	{2, "TINYINT", func(w *writer) { w.add("%d", w.IntN(128)) }},
	{12, "VARCHAR(60) NOT NULL", func(w *writer) { w.quoted(4) }},
	{2, "TEXT", func(w *writer) { w.quoted(10) }},
}

func wideDefinitions() string {
	defs := []string{"id INT NOT NULL PRIMARY KEY"}
	for _, c := range wideColumns {
		for range c.count {
			defs = append(defs, fmt.Sprintf("c%d %s", len(defs), c.definition))
		}
	}
	return strings.Join(defs, ", ")
}

func wideValues(w *writer, id int) {
	w.add("%d", id)
	for _, c := range wideColumns {
		for range c.count {
			w.add(", ")
			c.value(w)
		}
	}
}

func writeWide(w *writer) {
	if w.IntN(2) == 0 {
		w.add("INSERT INTO %s VALUES (", w.table())
		wideValues(w, w.unused())
		w.add(");")
		return
	}
	w.add("UPDATE %s SET c1 = %d, c46 = ", w.table(), w.IntN(1<<31))
	w.quoted(4)
	w.add(" WHERE id = %d;", 1+w.IntN(w.rows))
}
