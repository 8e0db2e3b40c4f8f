package testbed

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// awkwardTable is a table of a kind that replication easily gets wrong.
type awkwardTable struct{ name, columns string }

func awkwardTables() []awkwardTable {
	return []awkwardTable{
		{"no_key", "(a INT, b VARCHAR(40), c DECIMAL(10,2))"},
		{"composite_key", "(a INT NOT NULL, b VARCHAR(20) NOT NULL, v INT, note TEXT, PRIMARY KEY (a, b))"},
		{"unique_nulls", "(u INT NULL, v VARCHAR(40), n INT, UNIQUE KEY u (u))"},
		{"string_key", "(code VARCHAR(64) NOT NULL, v INT, updated TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (code))"},
		{"all_types", "(id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, " + strings.Join(typeDefinitions(), ", ") + ")"},
	}
}

// typeColumn is one column of all_types with a generator of its values.
type typeColumn struct {
	name, definition string
	value            func(r *rand.Rand) any
}

// pick makes a generator of one of the values.
func pick(values ...any) func(*rand.Rand) any {
	return func(r *rand.Rand) any { return values[r.IntN(len(values))] }
}

// integer makes a generator of integers with both ends among them.
func integer(low, high int64) func(*rand.Rand) any {
	return func(r *rand.Rand) any {
		switch r.IntN(6) {
		case 0:
			return low
		case 1:
			return high
		default:
			return low + int64(r.Uint64()%uint64(high-low))
		}
	}
}

func typeTable() []typeColumn {
	return append(numericColumns(), append(timeColumns(), textColumns()...)...)
}

func numericColumns() []typeColumn {
	return []typeColumn{
		{"ti", "TINYINT", integer(math.MinInt8, math.MaxInt8)},
		{"tiu", "TINYINT UNSIGNED", integer(0, math.MaxUint8)},
		{"bo", "BOOLEAN", pick(0, 1)},
		{"si", "SMALLINT", integer(math.MinInt16, math.MaxInt16)},
		{"siu", "SMALLINT UNSIGNED", integer(0, math.MaxUint16)},
		{"mi", "MEDIUMINT", integer(-1<<23, 1<<23-1)},
		{"miu", "MEDIUMINT UNSIGNED", integer(0, 1<<24-1)},
		{"i", "INT", integer(math.MinInt32, math.MaxInt32)},
		{"iu", "INT UNSIGNED", integer(0, math.MaxUint32)},
		{"bi", "BIGINT", pick(int64(math.MinInt64), int64(math.MaxInt64), 0, -1)},
		{"biu", "BIGINT UNSIGNED", pick(uint64(math.MaxUint64), uint64(1)<<63, 0)},
		{"de", "DECIMAL(20,6)", pick("0", "-0.000001", "12345678901234.567891", "-99999999999999.999999")},
		{"dd", "DECIMAL(65,30)", pick("0", "1e-30", "99999999999999999999999999999999999.999999999999999999999999999999")},
		{"fl", "FLOAT", func(r *rand.Rand) any { return float64(r.Float32()) * math.Pow(10, float64(r.IntN(20)-10)) }},
		{"dp", "DOUBLE", func(r *rand.Rand) any { return r.NormFloat64() * math.Pow(10, float64(r.IntN(200)-100)) }},
		{"b1", "BIT(1)", func(r *rand.Rand) any { return []byte{byte(r.IntN(2))} }},
		{"b13", "BIT(13)", func(r *rand.Rand) any { return []byte{byte(r.IntN(32)), byte(r.IntN(256))} }},
	}
}

func timeColumns() []typeColumn {
	return []typeColumn{
		{"da", "DATE", pick("0000-00-00", "1000-01-01", "9999-12-31", "2024-02-29")},
		{"dt", "DATETIME", pick("0000-00-00 00:00:00", "1000-01-01 00:00:00", "2024-03-31 02:30:00")},
		{"dt6", "DATETIME(6)", pick("2001-02-03 04:05:06.000007", "9999-12-31 23:59:59.999999")},
		{"ts", "TIMESTAMP NULL", pick("1970-01-02 00:00:01", "2038-01-18 03:14:07", "2024-10-27 02:30:00")},
		{"ts3", "TIMESTAMP(3) NULL", pick("2024-10-27 02:30:00.123", "2000-01-01 00:00:00.999")},
		{"tm", "TIME", pick("-838:59:59", "838:59:59", "00:00:00", "-00:00:01")},
		{"tm2", "TIME(2)", pick("12:34:56.78", "-12:34:56.78")},
		{"ye", "YEAR", pick(1901, 2155, 2024, 0)},
	}
}

func textColumns() []typeColumn {
	bytesUpTo := func(n int) func(*rand.Rand) any {
		return func(r *rand.Rand) any {
			b := make([]byte, r.IntN(n+1))
			for i := range b {
				b[i] = byte(r.IntN(256))
			}
			return b
		}
	}
	return []typeColumn{
		{"ch", "CHAR(10)", func(r *rand.Rand) any { return word(r) }},
		{"vc", "VARCHAR(100)", func(r *rand.Rand) any { return text(r) }},
		{"la", "VARCHAR(50) CHARACTER SET latin1", pick("plain", "caf\u00e9 \u00fcber", "")},
		{"bn", "BINARY(8)", pick([]byte("ab\x00\x00"), []byte("\x00"), []byte("12345678"))},
		{"vb", "VARBINARY(30)", bytesUpTo(30)},
		{"tb", "TINYBLOB", bytesUpTo(200)},
		{"bl", "BLOB", bytesUpTo(2000)},
		{"mb", "MEDIUMBLOB", bytesUpTo(3000)},
		{"lb", "LONGBLOB", bytesUpTo(100)},
		{"tt", "TINYTEXT", func(r *rand.Rand) any { return text(r) }},
		{"tx", "TEXT", func(r *rand.Rand) any { return strings.Repeat(text(r), r.IntN(40)) }},
		{"lt", "LONGTEXT", func(r *rand.Rand) any { return text(r) }},
		{"en", "ENUM('red','green','it''s','')", pick("red", "green", "it's", "")},
		{"se", "SET('a','b','c','d')", pick("", "a", "a,c", "a,b,c,d")},
		{"js", "JSON", pick(`{"b": [1, 2.5, null], "a": "x\ty"}`, `[]`, `"text"`, `{"big": 12345678901234567890}`)},
	}
}

func typeColumns() []string {
	names := []string{}
	for _, c := range typeTable() {
		names = append(names, c.name)
	}
	return names
}

func typeDefinitions() []string {
	defs := []string{}
	for _, c := range typeTable() {
		def := c.name + " " + c.definition
		if !strings.HasSuffix(def, "NULL") {
			def += " NULL"
		}
		defs = append(defs, def)
	}
	return defs
}

// typeValues gives a value for each column, one in eight NULL.
func typeValues(r *rand.Rand) []any {
	values := []any{}
	for _, c := range typeTable() {
		if r.IntN(8) == 0 {
			values = append(values, nil)
			continue
		}
		values = append(values, c.value(r))
	}
	return values
}

// word gives one of some dozens of short texts, so that rows meet.
func word(r *rand.Rand) string {
	words := []string{"one", "two", "three", "", "o'brien", "back\\slash", "naïve", "日本", "a b", "percent%"}
	return words[r.IntN(len(words))]
}

// text gives a text with everything that escaping gets wrong.
func text(r *rand.Rand) string {
	parts := []string{"plain", "'", `"`, `\`, "\n", "\r", "\t", "\x00", "\x1a", ";", "--", "/*", "é", "日本語", "😀", "%", "_", "`"}
	var b strings.Builder
	for range 1 + r.IntN(10) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

// code gives a key; several are equal to the collation only.
func code(r *rand.Rand) string {
	variants := []string{"key%d", "KEY%d", "kéy%d", "Key%d ", "ключ%d", "😀%d"}
	return fmt.Sprintf(variants[r.IntN(len(variants))], r.IntN(300))
}

// fillAwkward puts about rows rows into each awkward table.
func (w *Workload) fillAwkward(ctx context.Context, rows int, r *rand.Rand) error {
	var did Counts
	for done := 0; done < rows; done += 100 {
		tx, err := w.DB.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		c := changer{w: w, ex: tx, r: r, did: &did}
		for range min(100, rows-done) {
			if err := c.fillOne(ctx); err != nil {
				_ = tx.Rollback() // the first error says why
				return err
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// fillOne adds a row to each awkward table; one that exists already is left.
func (c changer) fillOne(ctx context.Context) error {
	names := typeColumns()
	for _, s := range []struct {
		table, columns string
		args           []any
	}{
		{"no_key", "a, b, c", []any{c.r.IntN(50), word(c.r), fmt.Sprint(c.r.IntN(100))}},
		{"composite_key", "a, b, v, note", []any{c.r.IntN(200), word(c.r), c.r.IntN(1000), text(c.r)}},
		{"unique_nulls", "u, v, n", []any{pick(nil, c.r.IntN(2000))(c.r), word(c.r), c.r.IntN(20)}},
		{"string_key", "code, v", []any{code(c.r), c.r.IntN(1000)}},
		{"all_types", strings.Join(names, ", "), typeValues(c.r)},
	} {
		if err := c.exec(ctx, &c.did.Inserts, s.table, "INSERT IGNORE INTO %t ("+s.columns+") VALUES "+tuples(1, len(s.args)), s.args...); err != nil {
			return fmt.Errorf("%s: %w", s.table, err)
		}
	}
	return nil
}
